/**
 * Owns: that a call which is asked again while it runs is not run beside itself in this process, and that nobody waits long.
 * Does not own: once-ness (the executor's claim); another replica may run the same call, and the claim decides.
 * Invariants: an answer comes within the wait, `pending` if need be; an error is never kept, so that it can be asked again.
 */
import type { Clock } from "@bulkhead/core";
import type { CallReply } from "@bulkhead/schemas";

export interface Flights {
  /** The course under this key, started if none is under way. */
  join(key: string, start: () => Promise<CallReply>): Promise<CallReply>;
}

const WAIT_MS = 1_700;
const KEEP_MS = 5_000;
const MAX_KEPT = 10_000;

interface Flight {
  readonly reply: Promise<CallReply>;
  landedAt?: number;
}

export function flights(clock: Clock, waitMs = WAIT_MS): Flights {
  const known = new Map<string, Flight>();
  const start = (key: string, run: () => Promise<CallReply>): Flight => {
    const flight: Flight = { reply: run() };
    known.set(key, flight);
    flight.reply.then(
      (reply) => {
        flight.landedAt = clock.monotonic();
        if (reply.status === "pending") known.delete(key);
      },
      () => known.delete(key),
    );
    return flight;
  };
  return {
    join: async (key, run) => {
      sweep(known, clock.monotonic());
      return await within((known.get(key) ?? start(key, run)).reply, waitMs);
    },
  };
}

/** Flights are in the order of their start, so the first that is still kept ends the sweep. */
function sweep(known: Map<string, Flight>, now: number): void {
  for (const [key, { landedAt }] of known) {
    const over = landedAt !== undefined && (now - landedAt > KEEP_MS || known.size > MAX_KEPT);
    if (!over) return;
    known.delete(key);
  }
}

async function within(reply: Promise<CallReply>, waitMs: number): Promise<CallReply> {
  const { promise, resolve } = Promise.withResolvers<CallReply>();
  const timer = setTimeout(resolve, waitMs, { status: "pending" });
  try {
    return await Promise.race([reply, promise]);
  } finally {
    clearTimeout(timer);
  }
}
