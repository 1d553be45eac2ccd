import type { OpenedMessage, StreamMessage } from "@bulkhead/bus";
import { BulkheadError, type Envelope, isBulkheadError, sameDigest } from "@bulkhead/core";
import { openDecision } from "@bulkhead/policy";
import type { ProposalDocument } from "@bulkhead/schemas";
import type { Proposals } from "../port.ts";
import { apply } from "../proposal/apply.ts";
import { due } from "../proposal/due.ts";

/** Stream DECISIONS: an operator's own signature over a proposal's digest. */
export async function decision(proposals: Proposals, message: StreamMessage<"decision">): Promise<void> {
  let proposal = "";
  try {
    const opened: OpenedMessage<"decision"> = message.open();
    proposal = opened.body.proposal;
    await decide(proposals, opened.envelope, message.at);
  } catch (error) {
    if (!isBulkheadError(error) || error.disposition === "retry") throw error;
    await proposals.record.refusedDecision(proposal, `operator-${message.values["operator"] ?? "unknown"}`, error.code);
  }
}

async function decide(proposals: Proposals, envelope: Envelope, heardAt: number): Promise<void> {
  const { decision: said, operator, at } = openDecision(proposals.policy, envelope);
  const document = await proposals.documents.findOne({ _id: said.proposal });
  if (document === undefined) throw new BulkheadError("proposal.unknown");
  if (document.decision?.sig === envelope.sig) return;
  if (document.state !== "pending") throw new BulkheadError("proposal.decided");
  if (!sameDigest(said.digest, document.digest)) throw new BulkheadError("approval.invalid");
  if (Math.max(at, heardAt) > document.terms.expiresAt) {
    await tooLate(proposals, document);
    return;
  }
  const set = { decision: envelope, ...(said.reason !== undefined && { reason: said.reason }) };
  const code = said.outcome === "deny" ? { code: "approval.denied" } : {};
  const applied = await apply(proposals, document, { type: said.outcome }, { set: { ...set, ...code }, operator });
  if (!applied) throw new BulkheadError("store.conflict");
}

async function tooLate(proposals: Proposals, document: ProposalDocument): Promise<void> {
  await due(proposals, document);
  throw new BulkheadError("approval.expired");
}
