import { isBulkheadError } from "@bulkhead/core";
import type { ProposalDocument } from "@bulkhead/schemas";
import type { Proposals } from "../port.ts";

/** Tells `tasks` that the calls that wait for this proposal are decided. A wake-up carries only ids. */
export async function tell({ bus, documents }: Proposals, { _id }: ProposalDocument): Promise<void> {
  const document = await documents.findOne({ _id, untold: true });
  if (document === undefined) return;
  for (const callId of [document.callId, ...document.also]) {
    try {
      await bus.request("wake", { task: taskOf(callId), callId, proposal: _id });
    } catch (error) {
      if (!isBulkheadError(error) || error.disposition !== "deny") throw error;
    }
  }
  await documents.compareAndSet({ _id, untold: true }, { unset: ["untold"] });
}

function taskOf(callId: string): string {
  return callId.slice(0, callId.indexOf("."));
}
