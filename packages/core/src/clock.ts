/** The time, injected everywhere. */
export interface Clock {
  /** Milliseconds since the epoch. May jump: for records and for what other processes compare. */
  now(): number;
  /** Milliseconds that only grow, from an arbitrary start: for durations within this process. */
  monotonic(): number;
}

/** The machine's clock. */
export const systemClock: Clock = { now: () => Date.now(), monotonic: () => performance.now() };

/** A clock that a test moves by hand. */
export interface ManualClock extends Clock {
  /** Moves both times forward. */
  advance(durationMs: number): void;
  /** Sets the wall clock alone, as an administrator or a broken time server does. */
  jumpTo(epochMs: number): void;
}

/** A clock that stands still until it is moved. */
export function manualClock(startMs = Date.UTC(2026, 0, 1)): ManualClock {
  let [wall, steady] = [startMs, 0];
  return {
    now: () => wall,
    monotonic: () => steady,
    advance: (durationMs) => {
      wall += durationMs;
      steady += durationMs;
    },
    jumpTo: (epochMs) => {
      wall = epochMs;
    },
  };
}
