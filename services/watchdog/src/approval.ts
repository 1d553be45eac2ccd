import { BulkheadError } from "@bulkhead/core";
import { verifyApproval } from "@bulkhead/policy";
import type { Action, Approval } from "@bulkhead/schemas";
import type { Watchdog } from "./port.ts";

/**
 * Whether a person approved this action: the approval verifies, and this service heard that very decision itself, and no denial.
 *
 * @throws BulkheadError `approval.pending` while it has not heard it, `approval.invalid|denied|expired`
 */
export async function heardApproval(watchdog: Watchdog, approval: Approval, action: Action): Promise<void> {
  verifyApproval(watchdog.policy, approval, action, watchdog.clock.now());
  const heard = await watchdog.decisions.find({ proposal: approval.terms.id });
  if (heard.some(({ outcome }) => outcome === "deny")) throw new BulkheadError("approval.denied");
  if (!heard.some(({ decision }) => decision.sig === approval.decision.sig))
    throw new BulkheadError("approval.pending");
}
