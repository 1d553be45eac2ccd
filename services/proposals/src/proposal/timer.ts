import type { ProposalDocument } from "@bulkhead/schemas";
import type { Proposals } from "../port.ts";

/** A hint that the next time has come; what is stored decides, and the sweep finds what no timer told. */
export async function setTimer({ bus }: Proposals, document: ProposalDocument): Promise<void> {
  const { _id } = document;
  const dueAt = Math.min(halfwayOf(document) ?? document.dueAt, document.dueAt);
  await bus.publish("timer", { id: _id }, { values: { timer: _id }, dueAt });
}

/** When a wait for a person is to be escalated, if it was not yet. */
export function halfwayOf({ state, openedAt, dueAt, escalatedAt }: ProposalDocument): number | undefined {
  return state === "pending" && escalatedAt === undefined ? openedAt + Math.floor((dueAt - openedAt) / 2) : undefined;
}
