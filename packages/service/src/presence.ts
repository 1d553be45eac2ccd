/**
 * Owns: how much of a span of time somebody could have acted in: windows count no other time (PROP-18).
 * Does not own: when a window opens or what follows when it closes.
 * Invariants: time in which `present` was false, or nobody was there to say so, is a gap; so is a clock's jump ahead, since the
 * stored time then lies further back than a tick. A jump back closes nothing, since what is due lies further ahead.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type Clock, toWire } from "@bulkhead/core";
import type { PresenceDocument } from "@bulkhead/schemas";
import type { CollectionPort } from "@bulkhead/store";
import type { Logger } from "./log.ts";

/** What presence is kept with. All replicas of a service share one document. */
export interface PresencePort {
  readonly documents: CollectionPort<PresenceDocument>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Whether a person's word would have an effect at this moment. */
  readonly present: () => boolean;
}

/** How long nobody could act. */
export interface Presence {
  /** Milliseconds since `from` in which nobody could have acted. @throws BulkheadError `store.unavailable` */
  absentSince(from: number): Promise<number>;
}

const TICK_MS = 1_000;
const LATE_MS = 3_000;
const KEPT_MS = 30 * 86_400_000;
const MAX_GAPS = 1_000;
const ID = "presence";

/** Starts to keep presence, and tells it. */
export function followPresence(port: PresencePort): Presence {
  void tickUntilEnd(port);
  return {
    absentSince: async (from) => {
      const now = port.clock.now();
      const known = await port.documents.findOne({ _id: ID });
      if (known === undefined) return now - from;
      const open = now - known.seenAt > LATE_MS ? [{ from: known.seenAt, to: now }] : [];
      return [...known.gaps, ...open].reduce((sum, gap) => sum + overlap(gap, from, now), 0);
    },
  };
}

async function tickUntilEnd(port: PresencePort): Promise<void> {
  while (!port.signal.aborted) {
    await tick(port).catch((error: unknown) => {
      port.log.warn(toWire(error), "presence");
    });
    await sleep(TICK_MS, undefined, { signal: port.signal }).catch(() => undefined);
  }
}

async function tick({ documents, clock, present }: PresencePort): Promise<void> {
  if (!present()) return;
  const now = clock.now();
  const known = await documents.findOne({ _id: ID });
  if (known === undefined) {
    await documents.insert({ _id: ID, seenAt: now, gaps: [] });
    return;
  }
  const { seenAt, gaps } = known;
  if (now <= seenAt) return;
  const late = now - seenAt > LATE_MS;
  const kept = late ? [...gaps, { from: seenAt, to: now }].filter(({ to }) => now - to < KEPT_MS) : gaps;
  const set = { seenAt: now, ...(late && { gaps: kept.slice(-MAX_GAPS) }) };
  await documents.compareAndSet({ _id: ID, seenAt }, { set });
}

function overlap(gap: { readonly from: number; readonly to: number }, from: number, to: number): number {
  return Math.max(0, Math.min(gap.to, to) - Math.max(gap.from, from));
}
