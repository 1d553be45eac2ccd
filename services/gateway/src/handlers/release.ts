import type { Received } from "@bulkhead/bus";
import { BulkheadError, isBulkheadError } from "@bulkhead/core";
import {
  actionDigest,
  assertAction,
  type Judging,
  openLease,
  revokedOf,
  strictest,
  verifyApproval,
  verifyEdit,
  verifyUndo,
} from "@bulkhead/policy";
import type { Action, BodyOf, CallReply } from "@bulkhead/schemas";
import { runCourse } from "../course/course.ts";
import { decideNow } from "../course/decide-now.ts";
import { recall } from "../course/execute.ts";
import { propose } from "../course/propose.ts";
import type { Call, Gateway } from "../port.ts";

type Release = BodyOf<"release">;

/**
 * `bh.proposal.release`: a call comes back from `proposals`, to be decided again with what persons said as a fact. The lease is the
 * one of the first decision: it proves task, principal and ceiling, and has ended while a person thought.
 */
export async function release(gateway: Gateway, { body }: Received<"release">): Promise<CallReply> {
  const key = `${body.purpose} ${actionDigest(body.action)}`;
  return await gateway.flights.join(key, () => PURPOSES[body.purpose](gateway, body));
}

const PURPOSES: Readonly<Record<Release["purpose"], (gateway: Gateway, body: Release) => Promise<CallReply>>> = {
  run,
  undo,
  reopen,
};

/** A permission that has ended permits nothing; what ran while it was valid is still told. */
async function run(gateway: Gateway, body: Release): Promise<CallReply> {
  const { action, approval, before } = body;
  const own = leased(gateway, body);
  const ceiling = strictest([own.ceiling, approval.terms.tier]);
  const asked = { ...own, ceiling, approval, ...(before !== undefined && { before }) };
  try {
    const permission = verifyApproval(gateway.policy, approval, action, judging(gateway));
    return await runCourse(gateway, { ...asked, permission });
  } catch (error) {
    const ended = isBulkheadError(error, "approval.expired", "approval.invalid");
    const { tier } = approval.terms;
    const recorded = ended ? await recall(gateway, asked, { tier, labels: [] }) : undefined;
    if (recorded === undefined) throw error;
    return recorded;
  }
}

async function undo(gateway: Gateway, { action, approval, lease, original }: Release): Promise<CallReply> {
  const undone = known(original);
  const { operator } = verifyUndo(gateway.policy, { action, original: undone, approval }, judging(gateway));
  const permission = { kind: "approved", operators: [operator] } as const;
  const call = { action, digest: actionDigest(action), ceiling: "CONFIRM", leaseEnvelope: lease } as const;
  return await runCourse(gateway, { ...call, approval, permission, original: undone });
}

/** Arguments that a person changed are decided anew, from the beginning, and always before a person. */
async function reopen(gateway: Gateway, body: Release): Promise<CallReply> {
  const { action, approval } = body;
  const original = known(body.original);
  verifyEdit(gateway.policy, { action, original, approval }, judging(gateway));
  const call = { ...leased(gateway, body), ceiling: "CONFIRM", original, edits: approval } as const;
  return await propose(gateway, call, await decideNow(gateway, call));
}

function leased({ policy }: Gateway, { action, lease: leaseEnvelope }: Release): Call {
  const lease = openLease(policy, leaseEnvelope, 0);
  assertAction(policy, action, lease);
  return { action, digest: actionDigest(action), ceiling: lease.ceiling, leaseEnvelope };
}

function judging({ clock, control }: Gateway): Judging {
  return { now: clock.now(), revoked: revokedOf(control.view()) };
}

function known(original: Action | undefined): Action {
  if (original === undefined) throw new BulkheadError("approval.invalid");
  return original;
}
