import type { Received } from "@bulkhead/bus";
import { isBulkheadError } from "@bulkhead/core";
import { actionDigest, assertAction, openLease, verifyApproval } from "@bulkhead/policy";
import type { Approval, CallReply } from "@bulkhead/schemas";
import { runCourse } from "../course/course.ts";
import { recall } from "../course/execute.ts";
import type { Call, Gateway } from "../port.ts";

/**
 * `bh.proposal.release`: an approved call comes back, to be decided again with the approval as a fact. The lease is the
 * one of the first decision: it proves task, principal and ceiling, and has ended while a person thought.
 */
export async function release(gateway: Gateway, { body }: Received<"release">): Promise<CallReply> {
  const { policy } = gateway;
  const { action, approval } = body;
  const lease = openLease(policy, body.lease, 0);
  assertAction(policy, action, lease);
  const digest = actionDigest(action);
  const asked: Call = { action, digest, lease, leaseEnvelope: body.lease, approval };
  return await gateway.flights.join(`release ${digest}`, () => runApproved(gateway, asked, approval));
}

/** An approval that has ended permits nothing; what ran while it was valid is still told. */
async function runApproved(gateway: Gateway, asked: Call, approval: Approval): Promise<CallReply> {
  try {
    verifyApproval(gateway.policy, approval, asked.action, gateway.clock.now());
  } catch (error) {
    const ended = isBulkheadError(error, "approval.expired");
    const recorded = ended ? await recall(gateway, asked, { tier: "CONFIRM", labels: [] }) : undefined;
    if (recorded === undefined) throw error;
    return recorded;
  }
  return await runCourse(gateway, asked);
}
