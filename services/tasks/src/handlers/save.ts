import type { Received } from "@bulkhead/bus";
import { BulkheadError, canonical } from "@bulkhead/core";
import type { ReplyOf, Snapshot, TaskDocument } from "@bulkhead/schemas";
import { leaseOf, shownLease } from "../lease.ts";
import { assertSize, exceeded } from "../limits.ts";
import type { Tasks } from "../ports.ts";
import { move } from "../task/effects.ts";

/** Compare-and-set of the snapshot, fenced by the lease's epoch; renews the lease. */
export async function save(service: Tasks, { body, values }: Received<"save">): Promise<ReplyOf<"save">> {
  const { runtime } = service;
  const lease = shownLease(service, body.lease, values["agent"]);
  assertSize(body.snapshot);
  let repeated: TaskDocument | undefined;
  const moved = await move(service, lease.task, (task) => {
    assertHolds(task, lease.epoch);
    repeated = isRepeated(task, body.version, body.snapshot) ? task : undefined;
    if (repeated !== undefined) return undefined;
    if (task.version !== body.version) throw new BulkheadError("snapshot.conflict");
    const limits = runtime.policy.agent(task.agent)?.limits;
    const over = limits && exceeded(limits, body.snapshot, task, runtime.clock.now());
    if (over !== undefined && !task.cancelled) return [{ type: "failed", code: over }];
    return [{ type: "saved", snapshot: body.snapshot, leaseUntil: runtime.clock.now() + runtime.config.leaseMs }];
  });
  const task = moved?.after ?? repeated;
  if (task === undefined) throw new BulkheadError("snapshot.conflict");
  if (task.state === "failed") throw failure(task);
  return { lease: leaseOf(service, task), version: Math.max(task.version, 1), cancelled: task.state === "cancelled" };
}

export function assertHolds(task: TaskDocument, epoch: number): void {
  if (task.epoch !== epoch) throw new BulkheadError("lease.invalid", "(the task was given to another host)");
  if (task.state === "cancelled") throw new BulkheadError("task.cancelled");
  if (task.state !== "running") throw new BulkheadError("lease.invalid", `(the task is ${task.state})`);
}

/** The answer to the same save was lost. */
function isRepeated(task: TaskDocument, version: number, snapshot: Snapshot): boolean {
  return task.version === version + 1 && canonical(task.snapshot) === canonical(snapshot);
}

function failure(task: TaskDocument): BulkheadError {
  const codes = ["limits.time", "limits.tokens"] as const;
  return new BulkheadError(codes.find((code) => code === task.code) ?? "limits.steps");
}
