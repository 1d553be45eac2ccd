import type { Received } from "@bulkhead/bus";
import { BulkheadError } from "@bulkhead/core";
import type { ProposalDocument, ProposalView, QueryReply } from "@bulkhead/schemas";
import type { Proposals } from "../port.ts";

/** `bh.query.proposals`: what operators see. */
export async function query(proposals: Proposals, { body, issuer }: Received<"queryProposals">): Promise<QueryReply> {
  const reply = await answer(proposals, body);
  await proposals.record.answered(body.kind, issuer);
  return reply;
}

async function answer({ documents }: Proposals, body: Received<"queryProposals">["body"]): Promise<QueryReply> {
  if (body.kind === "proposals.list") {
    const filter = body.state === undefined ? {} : { state: body.state };
    const found = await documents.find(filter, { sort: { openedAt: -1 }, limit: body.limit });
    return { kind: body.kind, proposals: found.map(viewOf) };
  }
  if (body.kind !== "proposals.show") throw new BulkheadError("query.unknown", `(${body.kind})`);
  const document = await documents.findOne({ _id: body.proposal });
  if (document === undefined) throw new BulkheadError("proposal.unknown");
  return { kind: body.kind, proposal: viewOf(document) };
}

function viewOf(document: ProposalDocument): ProposalView {
  const { _id: id, state, terms, action, tier, labels, reasons, openedAt, asked, dueAt, needed } = document;
  const { decidedBy, reason, code, before, undo, parent, successor, escalatedAt } = document;
  return {
    ...{ id, state, terms, action, tier, labels, reasons, openedAt, asked, dueAt, needed, mode: terms.mode },
    approvedBy: document.approvals.map(({ issuer }) => issuer),
    ...(decidedBy !== undefined && { decidedBy }),
    ...(reason !== undefined && { reason }),
    ...(code !== undefined && { code }),
    ...(before !== undefined && { before }),
    ...(undo && { undo }),
    ...(parent !== undefined && { parent }),
    ...(successor !== undefined && { successor }),
    ...(escalatedAt !== undefined && { escalatedAt }),
  };
}
