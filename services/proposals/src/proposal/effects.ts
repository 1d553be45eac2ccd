import { asBulkheadError, toWire } from "@bulkhead/core";
import type { ProposalDocument } from "@bulkhead/schemas";
import type { Effect, Proposals } from "../port.ts";
import type { EffectName } from "./proposal.machine.ts";
import { release } from "./release.ts";
import { tell } from "./tell.ts";
import { setTimer } from "./timer.ts";

/** What the machine's actions do. Each is idempotent; what a crash loses, the sweep does again. */
export const effects: Readonly<Record<EffectName, Effect>> = {
  release: inBackground(release),
  renew: inBackground(setTimer),
  tell: inBackground(tell),
};

function inBackground(run: (proposals: Proposals, document: ProposalDocument) => Promise<void>): Effect {
  return (proposals, document) => {
    const { busy, log } = proposals;
    if (busy.has(document._id)) return;
    busy.add(document._id);
    run(proposals, document)
      .catch((error: unknown) => {
        log.warn({ proposal: document._id, ...toWire(asBulkheadError(error)) }, "will be tried again");
      })
      .finally(() => busy.delete(document._id));
  };
}
