/**
 * Owns: the beat without which no effect runs.
 * Does not own: who finds it stale (every reader for itself).
 * Invariants: S4: a beat is written only by a process that can still decide; it says which revision of control it obeys, and
 * names every instance that was heard lately, so that one which has fallen silent is still missed.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { toWire } from "@bulkhead/core";
import { BEAT_INTERVAL_MS } from "@bulkhead/schemas";
import type { Watchdog } from "./port.ts";
import { Roll } from "./roll.ts";

const KEY = "watchdog";

export function startBeat(watchdog: Watchdog): void {
  void beatUntilEnd(watchdog);
}

async function beatUntilEnd({ bus, clock, control, log, sign, signal }: Watchdog): Promise<void> {
  const bucket = bus.bucket("control");
  const encoder = new TextEncoder();
  const roll = new Roll(clock);
  bus.hear("beat", ({ body }) => {
    roll.heard(body);
  });
  while (!signal.aborted) {
    const due = clock.monotonic() + BEAT_INTERVAL_MS;
    try {
      const { revision } = control.view();
      const value = sign("control", { kind: "beat", revision, at: clock.now(), instances: roll.call() });
      await bucket.put(KEY, encoder.encode(JSON.stringify(value)));
    } catch (error) {
      log.warn(toWire(error), "beat not written");
    }
    await sleep(Math.max(0, due - clock.monotonic()), undefined, { signal }).catch(() => undefined);
  }
}
