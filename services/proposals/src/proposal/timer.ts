import type { ProposalDocument } from "@bulkhead/schemas";
import type { Proposals } from "../port.ts";

/** A hint that the due time has come; what is stored decides, and the sweep finds what no timer told. */
export async function setTimer({ bus }: Proposals, { _id, dueAt }: ProposalDocument): Promise<void> {
  await bus.publish("timer", { id: _id }, { values: { timer: _id }, dueAt });
}
