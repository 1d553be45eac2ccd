import type { AuditEvent, ProposalDocument, ProposalState } from "@bulkhead/schemas";
import type { Changes } from "@bulkhead/store";
import type { Proposals } from "../port.ts";
import { FINAL_STATES, next, type ProposalEvent, type ProposalEventType } from "./proposal.machine.ts";

const AUDITED: Readonly<Record<ProposalEventType, AuditEvent>> = {
  ...{ approve: "proposal.approved", agree: "proposal.approved", deny: "proposal.denied" },
  ...{ cancel: "proposal.cancelled", edit: "proposal.edited", undo: "proposal.undoing" },
  ...{ half: "proposal.escalated", withdraw: "proposal.withdrawn", supersede: "proposal.settled" },
  ...{ due: "proposal.expired", raised: "proposal.renewed", executed: "proposal.settled", failed: "proposal.settled" },
  ...{ unknown: "proposal.settled", reopened: "proposal.settled", reopenFailed: "proposal.renewed" },
  ...{ undone: "proposal.undone", undoFailed: "proposal.settled" },
};

/** Where time led to, if not to the end of the wait. */
const AUDITED_DUE: Readonly<Partial<Record<ProposalState, AuditEvent>>> = {
  pending: "proposal.renewed",
  released: "proposal.released",
  executed: "proposal.closed",
};

/** The states in which the task that asked has nothing more to wait for. */
const TELLING: readonly ProposalState[] = [...FINAL_STATES, "window"];

type Settable = Omit<ProposalDocument, "_id" | "state" | "version" | "updatedAt" | "untold" | "unrecorded">;

export interface Applied {
  readonly set?: Partial<Settable>;
  readonly operator?: string;
}

/**
 * The host loop of the machine: transition → compare-and-set → record → effects. False if the event has no place in the state, or
 * somebody else was first. What a crash keeps from the record stays marked, and the sweep records it.
 */
export async function apply(
  proposals: Proposals,
  document: ProposalDocument,
  event: ProposalEvent,
  { set = {}, operator }: Applied = {},
): Promise<boolean> {
  const parks = proposals.policy.policy.approval.onTimeout === "park";
  const after = next(document.state, event, { parks, mode: document.terms.mode });
  if (after === undefined) return false;
  await recordEarlier(proposals, document);
  const audited = (event.type === "due" && AUDITED_DUE[after.state]) || AUDITED[event.type];
  const changes = changesOf(document, after.state, { ...set, unrecorded: audited });
  changes.set.updatedAt = proposals.clock.now();
  const { _id, state, digest, version } = document;
  if (!(await proposals.documents.compareAndSet({ _id, state, digest, version }, changes))) return false;
  const saved: ProposalDocument = { ...document, ...changes.set };
  await proposals.record.changed(audited, saved, operator);
  recorded(proposals, saved);
  for (const name of after.effects) void proposals.effects[name](proposals, saved);
  return true;
}

/** A transition that is followed by another is recorded before, unless this process knows that it was. */
async function recordEarlier({ record, acknowledged }: Proposals, document: ProposalDocument): Promise<void> {
  const { _id, version, unrecorded, decidedBy } = document;
  if (unrecorded === undefined || acknowledged.has(`${_id} ${version}`)) return;
  await record.changed(unrecorded, document, decidedBy);
}

const MAX_ACKNOWLEDGED = 10_000;

/** Says that the last transition is in the record. Nobody waits for it: at worst it is recorded twice. */
export function recorded({ documents, log, acknowledged }: Proposals, { _id, version }: ProposalDocument): void {
  if (acknowledged.size >= MAX_ACKNOWLEDGED) acknowledged.clear();
  acknowledged.add(`${_id} ${version}`);
  documents.compareAndSet({ _id, version }, { unset: ["unrecorded"] }).catch((error: unknown) => {
    log.debug({ proposal: _id, error: String(error) }, "the sweep will record it again");
  });
}

type Set = Partial<ProposalDocument>;

function changesOf(
  { version }: ProposalDocument,
  state: ProposalState,
  set: Set,
): Changes<ProposalDocument> & { set: Set } {
  const untold = TELLING.includes(state) && { untold: true as const };
  return { set: { ...set, state, version: version + 1, ...untold } };
}
