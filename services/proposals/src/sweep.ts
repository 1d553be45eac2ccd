import { setTimeout as sleep } from "node:timers/promises";
import { asBulkheadError, toWire } from "@bulkhead/core";
import { lte, oneOf } from "@bulkhead/store";
import type { Proposals } from "./port.ts";
import { due } from "./proposal/due.ts";

const INTERVAL_MS = 1_000;
/** Longer than one attempt of whoever is at it. */
const ABANDONED_MS = 5_000;
const BATCH = 100;

/** Finds what is due, and what a crash or an absent service left undone. */
export function startSweep(proposals: Proposals): void {
  void sweepUntilEnd(proposals);
}

async function sweepUntilEnd(proposals: Proposals): Promise<void> {
  const { signal, log } = proposals;
  while (!signal.aborted) {
    await sweep(proposals).catch((error: unknown) => {
      log.warn(toWire(asBulkheadError(error)), "sweep failed");
    });
    await sleep(INTERVAL_MS, undefined, { signal }).catch(() => undefined);
  }
}

async function sweep(proposals: Proposals): Promise<void> {
  const { documents, clock, effects } = proposals;
  const now = clock.now();
  const limit = { limit: BATCH };
  for (const document of await documents.find({ state: "pending", dueAt: lte(now) }, limit))
    await due(proposals, document);
  const abandoned = { state: oneOf(["approved", "released"]), updatedAt: lte(now - ABANDONED_MS) };
  for (const document of await documents.find(abandoned, limit)) effects.release(proposals, document);
  for (const document of await documents.find({ untold: true }, limit)) effects.tell(proposals, document);
}
