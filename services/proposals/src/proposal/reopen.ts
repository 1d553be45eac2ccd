import { isBulkheadError } from "@bulkhead/core";
import { editIdOf, openBound, revokedOf } from "@bulkhead/policy";
import type { ProposalDocument } from "@bulkhead/schemas";
import type { Proposals } from "../port.ts";
import { apply } from "./apply.ts";
import { renewed } from "./due.ts";
import { ask, current, decisionOf } from "./release.ts";

/** Arguments that a person changed go to the gateway as another call, which opens another proposal. */
export async function reopen(proposals: Proposals, document: ProposalDocument): Promise<void> {
  const { action: original, lease, terms } = document;
  const envelope = decisionOf(document);
  const args = argsOf(proposals, document);
  if (args === undefined) {
    await refuse(proposals, document, "approval.invalid");
    return;
  }
  const action = { ...original, callId: editIdOf(original.callId), args };
  const approval = { terms, decisions: [envelope] };
  const reply = await ask(proposals, { purpose: "reopen", action, original, lease, approval });
  if (reply.status === "pending" && reply.proposal === undefined) return;
  const now = await current(proposals, document);
  if (now === undefined) return;
  if (reply.status !== "pending") {
    await refuse(proposals, now, "code" in reply ? reply.code : "call.failed");
    return;
  }
  const successor = reply.proposal === undefined ? {} : { successor: reply.proposal };
  await apply(proposals, now, { type: "reopened" }, { set: { ...successor, code: "approval.edited" } });
}

/** The changed arguments were refused: the call as it was waits again, under fresh terms, since the old ones were edited. */
async function refuse(proposals: Proposals, document: ProposalDocument, code: string): Promise<void> {
  const { set } = renewed(proposals, document);
  await apply(proposals, document, { type: "reopenFailed" }, { set: { ...set, code } });
}

function argsOf({ policy, control }: Proposals, document: ProposalDocument) {
  try {
    const judged = { revoked: revokedOf(control.view()) };
    return openBound(policy, document.decision, document.terms, judged).decision.args;
  } catch (error) {
    if (isBulkheadError(error)) return undefined;
    throw error;
  }
}
