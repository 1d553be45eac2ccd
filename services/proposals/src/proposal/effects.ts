import { asBulkheadError, toWire } from "@bulkhead/core";
import type { ProposalDocument } from "@bulkhead/schemas";
import type { Effect, Proposals } from "../port.ts";
import type { EffectName } from "./proposal.machine.ts";
import { reopen } from "./reopen.ts";
import { run } from "./run.ts";
import { slots } from "./slots.ts";
import { tell } from "./tell.ts";
import { setTimer } from "./timer.ts";
import { undo } from "./undo.ts";

/** Hundreds that are approved at once go to the gateway a few at a time: all together they would only time out on each other. */
const MAX_RUNNING = 16;
const inSlot = slots(MAX_RUNNING);

/** What the machine's actions do. Each is idempotent; what a crash loses, the sweep does again. */
export const effects: Readonly<Record<EffectName, Effect>> = {
  release: inBackground("run", run),
  undo: inBackground("run", undo),
  reopen: inBackground("run", reopen),
  renew: inBackground("timer", setTimer),
  watchWindow: inBackground("timer", setTimer),
  escalate: inBackground("timer", escalate),
  tell: inBackground("tell", tell),
};

function inBackground(kind: string, act: (proposals: Proposals, document: ProposalDocument) => Promise<void>): Effect {
  return (proposals, document) => {
    const { busy, log } = proposals;
    const key = `${kind} ${document._id} ${document.state}`;
    const known = busy.get(key);
    if (known !== undefined) return known;
    const running = (kind === "run" ? inSlot(() => act(proposals, document)) : act(proposals, document))
      .catch((error: unknown) => {
        log.warn({ proposal: document._id, ...toWire(asBulkheadError(error)) }, "will be tried again");
      })
      .finally(() => busy.delete(key));
    busy.set(key, running);
    return running;
  };
}

/** Half of the time is over and nobody has decided. */
async function escalate(proposals: Proposals, document: ProposalDocument): Promise<void> {
  const { _id: proposal, dueAt } = document;
  proposals.log.warn({ proposal, dueAt }, "half of the time to decide is over");
  await setTimer(proposals, document);
}
