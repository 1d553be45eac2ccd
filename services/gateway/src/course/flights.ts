/**
 * Owns: that a call which is asked again while it runs is not run beside itself in this process, and that nobody waits long.
 * Does not own: once-ness (the executor's claim); another replica may run the same call, and the claim decides.
 * Invariants: an answer comes within the wait, `pending` if need be; an error is never kept, so that it can be asked again;
 * a slow call does not make the answers of others be kept for longer.
 */
import type { Clock } from "@bulkhead/core";
import type { CallReply } from "@bulkhead/schemas";

export interface Flights {
  /** The course under this key, started if none is under way. */
  join(key: string, start: () => Promise<CallReply>): Promise<CallReply>;
}

const WAIT_MS = 1_700;
const KEEP_MS = 5_000;
/** A reply holds a result of up to some hundred KiB. */
const MAX_KEPT = 500;

interface Landed {
  readonly reply: CallReply;
  readonly at: number;
}

export function flights(clock: Clock, waitMs = WAIT_MS): Flights {
  const inAir = new Map<string, Promise<CallReply>>();
  const landed = new Map<string, Landed>();
  const land = (key: string, reply: CallReply): void => {
    if (reply.status !== "pending") landed.set(key, { reply, at: clock.monotonic() });
  };
  const start = (key: string, run: () => Promise<CallReply>): Promise<CallReply> => {
    const flight = run().finally(() => inAir.delete(key));
    inAir.set(key, flight);
    flight.then(
      (reply) => {
        land(key, reply);
      },
      () => undefined,
    );
    return flight;
  };
  return {
    join: async (key, run) => {
      sweep(landed, clock.monotonic());
      return landed.get(key)?.reply ?? (await within(inAir.get(key) ?? start(key, run), waitMs));
    },
  };
}

/** Those that landed are in the order of their landing, so the first that is still kept ends the sweep. */
function sweep(landed: Map<string, Landed>, now: number): void {
  for (const [key, { at }] of landed) {
    if (now - at <= KEEP_MS && landed.size <= MAX_KEPT) return;
    landed.delete(key);
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
