import type { Received } from "@bulkhead/bus";
import { BulkheadError } from "@bulkhead/core";
import { type NextReply, type TaskDocument } from "@bulkhead/schemas";
import { lt, lte } from "@bulkhead/store";
import { isHeld, sawHost } from "../agent/effects.ts";
import { leaseOf } from "../lease.ts";
import { exceeded } from "../limits.ts";
import type { Tasks } from "../ports.ts";
import { move } from "../task/effects.ts";
import type { TaskEvent } from "../task/task.machine.ts";

const CANDIDATES = 4;
/** All candidates may go to other hosts while they are looked at. */
const ROUNDS = 4;

/** One task for one host; waits for a nudge if there is none. */
export async function next(service: Tasks, { body, values, signal }: Received<"next">): Promise<NextReply> {
  const { clock } = service.runtime;
  if (body.agent !== values["agent"]) throw new BulkheadError("forbidden");
  const until = clock.monotonic() + body.waitMs;
  await sawHost(service, body.agent);
  for (;;) {
    const waited = new AbortController();
    const nudged = service.waiters.wait(
      body.agent,
      until - clock.monotonic(),
      AbortSignal.any([signal, waited.signal]),
    );
    const work = await take(service, body.agent, body.host).finally(() => {
      if (clock.monotonic() >= until) waited.abort();
    });
    if (work !== null) waited.abort();
    if (work !== null || signal.aborted || clock.monotonic() >= until) return { work, ...stopWord(service) };
    await nudged;
  }
}

/** A host hears changes only, so it is told what it may have missed. */
function stopWord({ runtime }: Tasks): Pick<NextReply, "stop"> {
  const word = runtime.control.word("stop");
  return word === undefined ? {} : { stop: word.envelope };
}

async function take(service: Tasks, agent: string, host: string): Promise<NextReply["work"]> {
  if (isHeld(service, agent)) return null;
  for (let round = 0; round < ROUNDS; round++) {
    const found = await candidates(service, agent);
    for (const candidate of found) {
      const moved = await move(service, candidate._id, (task) => handOut(service, task, host)).catch(ignoreLost);
      if (moved?.after.state === "running") return await workOf(service, moved.after);
    }
    if (found.length === 0) return null;
  }
  return null;
}

/** Tasks that are due, and tasks whose host let the lease expire; the oldest first. */
async function candidates({ tasks, runtime }: Tasks, agent: string): Promise<TaskDocument[]> {
  const now = runtime.clock.now();
  const options = { sort: { createdAt: 1 }, limit: CANDIDATES } as const;
  const [queued, expired] = await Promise.all([
    tasks.find({ agent, state: "queued", leaseUntil: lte(now) }, options),
    tasks.find({ agent, state: "running", leaseUntil: lt(now) }, options),
  ]);
  return [...queued, ...expired].sort((a, b) => a.createdAt - b.createdAt);
}

function handOut({ runtime }: Tasks, task: TaskDocument, host: string): TaskEvent[] | undefined {
  const { clock, config, policy } = runtime;
  const at = clock.now();
  if (task.leaseUntil > at) return undefined;
  const expired: TaskEvent[] =
    task.state === "running" ? [{ type: "expired", at, maxAttempts: config.maxAttempts }] : [];
  const exhausted = task.attempts + 1 >= config.maxAttempts;
  if (expired.length > 0 && (task.cancelled || exhausted)) return expired;
  const dispatched: TaskEvent = { type: "dispatched", host, at, leaseUntil: at + config.leaseMs };
  const limits = policy.agent(task.agent)?.limits;
  const over = limits && exceeded(limits, task.snapshot, task, at);
  return [...expired, dispatched, ...(over ? [{ type: "failed", code: over } as const] : [])];
}

async function workOf(service: Tasks, task: TaskDocument): Promise<NextReply["work"]> {
  const limits = service.runtime.policy.agent(task.agent)?.limits;
  if (limits === undefined) throw new BulkheadError("agent.unknown");
  const { _id: id, title, text, attachments, trusted, startedAt = task.updatedAt, snapshot, version } = task;
  const labels = await service.runtime.labels.of(id);
  return {
    task: { id, title, text, attachments, trusted, labels },
    lease: leaseOf(service, task),
    ...{ limits, startedAt, snapshot, version },
  };
}

/** Another replica was faster: there will be a next one. */
function ignoreLost(error: unknown): undefined {
  if (error instanceof BulkheadError && (error.code === "store.conflict" || error.code === "task.unknown")) return;
  throw error;
}
