import type { AuditEvent, ProposalDocument, ProposalState } from "@bulkhead/schemas";
import type { Changes } from "@bulkhead/store";
import type { Proposals } from "../port.ts";
import { FINAL_STATES, next, type ProposalEvent } from "./proposal.machine.ts";

const AUDITED: Readonly<Record<ProposalEvent["type"], AuditEvent>> = {
  approve: "proposal.approved",
  deny: "proposal.denied",
  due: "proposal.expired",
  release: "proposal.released",
  executed: "proposal.settled",
  failed: "proposal.settled",
  unknown: "proposal.settled",
};

export interface Applied {
  readonly set?: Partial<
    Pick<ProposalDocument, "decision" | "reason" | "code" | "terms" | "digest" | "dueAt" | "expires">
  >;
  readonly operator?: string;
}

/**
 * The host loop of the machine: transition → compare-and-set → record → effects. False if the event has no place in the
 * state, or somebody else was first.
 */
export async function apply(
  proposals: Proposals,
  document: ProposalDocument,
  event: ProposalEvent,
  { set = {}, operator }: Applied = {},
): Promise<boolean> {
  const parks = proposals.policy.policy.approval.onTimeout === "park";
  const after = next(document.state, event, { parks });
  if (after === undefined) return false;
  const changes = changesOf(after.state, { ...set, updatedAt: proposals.clock.now() });
  const { _id, state, digest, updatedAt } = document;
  if (!(await proposals.documents.compareAndSet({ _id, state, digest, updatedAt }, changes))) return false;
  const saved: ProposalDocument = { ...document, ...changes.set };
  if (event.type !== "due" || after.state === "expired")
    await proposals.record.changed(AUDITED[event.type], saved, operator);
  for (const name of after.effects) proposals.effects[name](proposals, saved);
  return true;
}

function changesOf(
  state: ProposalState,
  set: Partial<ProposalDocument>,
): Changes<ProposalDocument> & { set: Partial<ProposalDocument> } {
  return { set: { ...set, state, ...(FINAL_STATES.includes(state) && { untold: true as const }) } };
}
