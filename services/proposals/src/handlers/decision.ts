import type { OpenedMessage, StreamMessage } from "@bulkhead/bus";
import { BulkheadError, type Envelope, type ErrorCode, isBulkheadError } from "@bulkhead/core";
import {
  approvalsFor,
  areEnough,
  type OpenedDecision,
  openBound,
  openDecision,
  personOf,
  revokedOf,
} from "@bulkhead/policy";
import type { Outcome, ProposalDocument } from "@bulkhead/schemas";
import type { Proposals } from "../port.ts";
import { type Applied, apply } from "../proposal/apply.ts";
import { closingOf, due } from "../proposal/due.ts";
import type { ProposalEventType } from "../proposal/proposal.machine.ts";

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
  const revoked = revokedOf(proposals.control.view());
  const said = openDecision(proposals.policy, envelope, revoked);
  const document = await proposals.documents.findOne({ _id: said.decision.proposal });
  if (document === undefined) throw new BulkheadError("proposal.unknown");
  if ([document.decision, ...document.approvals].some((known) => known?.sig === envelope.sig)) return;
  await assertOpen(proposals, document, said, heardAt);
  openBound(proposals.policy, envelope, document.terms, { revoked });
  const [type, set] = eventOf(proposals, document, said, envelope);
  if (!(await apply(proposals, document, { type }, { set, operator: said.operator })))
    throw new BulkheadError("store.conflict");
}

/** The states in which a decision has a place, and what it is told where it has none. */
const PLACES: Readonly<Record<Outcome, readonly ProposalDocument["state"][]>> = {
  approve: ["pending"],
  edit: ["pending"],
  deny: ["pending", "holding"],
  cancel: ["pending", "holding"],
  undo: ["window"],
};

async function assertOpen(
  proposals: Proposals,
  document: ProposalDocument,
  { decision: { outcome }, at }: OpenedDecision,
  heardAt: number,
): Promise<void> {
  if (!PLACES[outcome].includes(document.state))
    throw new BulkheadError(outcome === "undo" ? "window.closed" : "proposal.decided");
  if (document.state === "pending" && Math.max(at, heardAt) > document.terms.expiresAt) {
    await due(proposals, document);
    throw new BulkheadError("approval.expired");
  }
  if (document.state === "window" && proposals.clock.now() >= (await closingOf(proposals, document)))
    throw new BulkheadError("window.closed");
}

function eventOf(
  proposals: Proposals,
  document: ProposalDocument,
  { decision: { outcome, reason }, operator }: OpenedDecision,
  envelope: Envelope,
): [ProposalEventType, NonNullable<Applied["set"]>] {
  const said = { decision: envelope, decidedBy: operator, ...(reason !== undefined && { reason }) };
  if (outcome !== "approve") return [outcome, { ...said, ...codeOf(outcome) }];
  const approvers = [...document.approvals.map(({ issuer }) => issuer), operator];
  assertCounts(proposals, document, operator);
  const enough = areEnough(proposals.policy, document.action, approvers);
  return [enough ? "approve" : "agree", { ...said, approvals: [...document.approvals, envelope] }];
}

/** A person counts once, under whatever name, and only one whom the policy counts (TIER-11). */
function assertCounts({ policy }: Proposals, { action, approvals }: ProposalDocument, operator: string): void {
  const person = personOf(policy, operator);
  const { count, from } = approvalsFor(policy, action);
  const again = approvals.some(({ issuer }) => personOf(policy, issuer) === person);
  const outside = from !== undefined && !from.includes(operator.slice("operator-".length));
  const own = count > 1 && personOf(policy, action.principal) === person;
  if (again || outside || own) throw new BulkheadError("approval.invalid");
}

function codeOf(outcome: Outcome): { readonly code?: ErrorCode } {
  if (outcome === "deny") return { code: "approval.denied" };
  return outcome === "cancel" ? { code: "approval.cancelled" } : {};
}
