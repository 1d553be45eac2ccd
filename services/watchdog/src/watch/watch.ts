/**
 * Owns: the loop that looks at what all services record and beat, and reports what should not be.
 * Does not own: what is anomalous (one file a detector), outside records (`outside/`).
 * Invariants: it adds to the record and to the quarantine, and does nothing else: it can never approve or execute.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { toWire } from "@bulkhead/core";
import { followOutside } from "../outside/follow.ts";
import type { Watchdog } from "../port.ts";
import { giveBack } from "../rules/accounts.ts";
import type { Detector } from "./anomaly.ts";
import { bursts } from "./burst.ts";
import { hearEntry } from "./hear.ts";
import { looping } from "./looping.ts";
import { withoutOutcome } from "./outcome.ts";
import { report } from "./report.ts";
import { sequences } from "./sequence.ts";
import { Sightings } from "./sightings.ts";
import { Beats } from "./silent.ts";
import { stuck } from "./stuck.ts";
import type { Thresholds } from "./thresholds.ts";
import { unsigned } from "./unsigned.ts";

const DETECTORS: readonly Detector[] = [stuck, withoutOutcome, unsigned, looping, bursts, sequences];
const IN_HAND = 512;

/** Starts to watch. `thresholds` say from when on something is an anomaly. */
export async function startWatch(watchdog: Watchdog, thresholds: Thresholds): Promise<void> {
  const sightings = new Sightings({ ...watchdog, documents: watchdog.sightings });
  await sightings.refresh();
  const beats = new Beats();
  watchdog.bus.hear("beat", ({ body }) => {
    beats.heard(body, watchdog.clock.monotonic());
  });
  let heardTo = 0;
  const hear = async (message: Parameters<typeof hearEntry>[1]): Promise<void> => {
    await hearEntry(watchdog, message, sightings);
    heardTo = Math.max(heardTo, message.at);
  };
  watchdog.bus.consume("audit", hear, { concurrency: IN_HAND });
  const outside = followOutside(watchdog, thresholds);
  const told = new Set<string>();
  void until(watchdog, thresholds.lookMs, async () => {
    await sightings.refresh();
    const now = watchdog.clock.now();
    const view = { window: sightings.window.view(now), now, policy: watchdog.policy, thresholds };
    const silent = beats.silent(watchdog.clock.monotonic(), thresholds.silentMs);
    await report(
      watchdog,
      [...DETECTORS.flatMap((detector) => detector(view)), ...silent, ...(await outside(view))],
      told,
    );
    if (heardTo > thresholds.giveBackMs) await giveBack(watchdog.accounts, heardTo - thresholds.giveBackMs);
  });
}

async function until({ log, signal }: Watchdog, everyMs: number, look: () => Promise<void>): Promise<void> {
  while (!signal.aborted) {
    await look().catch((error: unknown) => {
      log.warn(toWire(error), "not looked");
    });
    await sleep(everyMs, undefined, { signal }).catch(() => undefined);
  }
}
