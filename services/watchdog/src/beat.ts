/**
 * Owns: the beat without which no effect runs.
 * Does not own: who finds it stale (every reader for itself).
 * Invariants: S4: a beat is written only by a process that can still decide; it says which revision of control it obeys.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { toWire } from "@bulkhead/core";
import { BEAT_INTERVAL_MS } from "@bulkhead/schemas";
import type { Watchdog } from "./port.ts";

const KEY = "watchdog";

export function startBeat(watchdog: Watchdog): void {
  void beatUntilEnd(watchdog);
}

async function beatUntilEnd({ bus, clock, control, log, sign, signal }: Watchdog): Promise<void> {
  const bucket = bus.bucket("control");
  const encoder = new TextEncoder();
  while (!signal.aborted) {
    const due = clock.monotonic() + BEAT_INTERVAL_MS;
    try {
      const { revision } = control.view();
      const value = sign("control", { kind: "beat", revision, at: clock.now() });
      await bucket.put(KEY, encoder.encode(JSON.stringify(value)));
    } catch (error) {
      log.warn(toWire(error), "beat not written");
    }
    await sleep(Math.max(0, due - clock.monotonic()), undefined, { signal }).catch(() => undefined);
  }
}
