import type { Received } from "@bulkhead/bus";
import { BulkheadError } from "@bulkhead/core";
import type { ReplyOf, TaskDocument } from "@bulkhead/schemas";
import { shownLease } from "../lease.ts";
import { assertSize } from "../limits.ts";
import type { Tasks } from "../ports.ts";
import { move } from "../task/effects.ts";
import { assertHolds } from "./save.ts";

/** Nothing is held open: the snapshot stays here until one of the calls is decided. */
export async function park(service: Tasks, { body, values }: Received<"park">): Promise<ReplyOf<"park">> {
  const lease = shownLease(service, body.lease, values["agent"]);
  assertSize(body.snapshot);
  if (body.waitingFor.some((callId) => !callId.startsWith(`${lease.task}.`))) throw new BulkheadError("forbidden");
  const seen = { already: false };
  const moved = await move(
    service,
    lease.task,
    (task) => {
      seen.already = isParkedAlready(task, lease.epoch, body.version);
      if (seen.already) return undefined;
      assertHolds(task, lease.epoch);
      if (task.version !== body.version) throw new BulkheadError("snapshot.conflict");
      const { snapshot, waitingFor } = body;
      return [{ type: "parked", snapshot, waitingFor, at: service.runtime.clock.now() }];
    },
    body.waitingFor.map((callId) => `call:${callId}`),
  );
  if (moved?.after.state === "cancelled") throw new BulkheadError("task.cancelled");
  return { parked: seen.already || moved?.after.state === "parked" };
}

/** The answer to the same request was lost; the task may have been woken since. */
function isParkedAlready(task: TaskDocument, epoch: number, version: number): boolean {
  return task.epoch === epoch && task.version === version + 1 && ["parked", "queued"].includes(task.state);
}
