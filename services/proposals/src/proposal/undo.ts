import { BulkheadError } from "@bulkhead/core";
import { undoIdOf } from "@bulkhead/policy";
import type { Action, ProposalDocument } from "@bulkhead/schemas";
import type { Proposals } from "../port.ts";
import { apply } from "./apply.ts";
import { askGateway, current, decisionOf } from "./release.ts";

/** Undoes what ran: a governed call of the operator who said so, with what the executor captured before. */
export async function undo(proposals: Proposals, document: ProposalDocument): Promise<void> {
  const { action: original, lease, terms } = document;
  const approval = { terms, decisions: [decisionOf(document)] };
  const action = undoingOf(proposals, document);
  const reply = await askGateway(proposals, document._id, { purpose: "undo", action, original, lease, approval });
  if (reply === undefined) return;
  const now = await current(proposals, document);
  if (now === undefined) return;
  if (reply.status === "done") await apply(proposals, now, { type: "undone" });
  else await fail(proposals, now, reply.code);
}

function undoingOf({ policy }: Proposals, { action, decision, undo: inverse }: ProposalDocument): Action {
  const contract = inverse && policy.tool(inverse.tool);
  if (inverse === undefined || contract === undefined || decision === undefined)
    throw new BulkheadError("undo.invalid");
  const { issuer } = decision;
  const { callId, task, policyEpoch } = action;
  const about = { callId: undoIdOf(callId), task, undoes: callId, policyEpoch };
  return { v: 1, agent: issuer, principal: issuer, ...about, ...inverse, toolHash: contract.hash };
}

/** An undo that failed is a person's work, and is said loudly. */
async function fail(proposals: Proposals, document: ProposalDocument, code: string): Promise<void> {
  proposals.log.error({ proposal: document._id, code }, "an undo failed: a person must look");
  await apply(proposals, document, { type: "undoFailed" }, { set: { code } });
}
