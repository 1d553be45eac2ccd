import type { Received } from "@bulkhead/bus";
import { BulkheadError, ERROR_CODES, isErrorCode } from "@bulkhead/core";
import type { BodyOf, ReplyOf, TaskDocument } from "@bulkhead/schemas";
import { shownLease } from "../lease.ts";
import type { Tasks } from "../ports.ts";
import { move } from "../task/effects.ts";
import type { TaskEvent } from "../task/task.machine.ts";

const FIRST_PAUSE_MS = 250;
const MAX_PAUSE_MS = 30_000;

/** The task's end, or its return unfinished. Asked again, it answers with the state that the first time led to. */
export async function finish(service: Tasks, { body, values }: Received<"finish">): Promise<ReplyOf<"finish">> {
  const lease = shownLease(service, body.lease, values["agent"]);
  let state: TaskDocument["state"] | undefined;
  const moved = await move(service, lease.task, (task) => {
    if (task.epoch !== lease.epoch) throw new BulkheadError("lease.invalid", "(the task was given to another host)");
    state = task.state;
    return task.state === "running" ? [eventOf(service, task, body)] : undefined;
  });
  return { state: moved?.after.state ?? state ?? "failed" };
}

function eventOf({ runtime }: Tasks, task: TaskDocument, body: BodyOf<"finish">): TaskEvent {
  if (body.outcome === "done") return { type: "finished", result: body.result };
  const code = isErrorCode(body.code) ? body.code : "worker.failed";
  if (body.outcome === "failed" && !isWorthAnotherTry(code)) return { type: "failed", code };
  if (isHolding(code)) return { type: "givenBack", code, at: runtime.clock.now() };
  const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** task.attempts, MAX_PAUSE_MS);
  const retryAt = runtime.clock.now() + pauseMs;
  return { type: "released", code, retryAt, maxAttempts: runtime.config.maxAttempts };
}

/** Nobody failed: the task goes on after the resume, with its time before it. */
function isHolding(code: keyof typeof ERROR_CODES): boolean {
  return code === "control.stopped" || code === "control.quarantined";
}

function isWorthAnotherTry(code: keyof typeof ERROR_CODES): boolean {
  return code === "worker.failed" || ERROR_CODES[code].disposition === "retry";
}
