import { BulkheadError, type Envelope } from "@bulkhead/core";
import { openLease } from "@bulkhead/policy";
import type { Lease, TaskDocument } from "@bulkhead/schemas";
import type { Tasks } from "./ports.ts";

/** The token that proves which task a host works on (design §2). `epoch` fences. */
export function leaseOf({ runtime }: Tasks, task: TaskDocument): Envelope {
  const { agent, epoch, textDigest, principal, ceiling, depth, leaseUntil } = task;
  const lease: Lease = {
    ...{ v: 1, agent, task: task._id, epoch, expiresAt: leaseUntil },
    ...{ textDigest, principal, ceiling, depth },
  };
  return runtime.sign("lease", lease);
}

/** A lease that this host may show. Its time is not looked at: until the task is given out again, the epoch still fences. */
export function shownLease({ runtime }: Tasks, envelope: unknown, agent: string | undefined): Lease {
  const lease = openLease(runtime.policy, envelope, 0);
  if (lease.agent !== agent) throw new BulkheadError("lease.invalid");
  return lease;
}
