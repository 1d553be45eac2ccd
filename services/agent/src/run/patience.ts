import { asBulkheadError, type Clock } from "@bulkhead/core";

const PATIENCE_MS = 60_000;
const FIRST_MS = 40;
const LONGEST_MS = 1_000;

/**
 * Asks again, with the same id, while the answer says so, and for a minute while nobody answers or the error says `retry`.
 * Whoever dies in between is asked again when it is back.
 */
export async function patiently<T>(
  clock: Clock,
  signal: AbortSignal,
  ask: () => Promise<T>,
  again: (answer: T) => boolean,
): Promise<T> {
  let until = clock.now() + PATIENCE_MS;
  for (let delayMs = FIRST_MS; ; delayMs = Math.min(delayMs * 2, LONGEST_MS)) {
    signal.throwIfAborted();
    try {
      const answer = await ask();
      if (!again(answer)) return answer;
      until = clock.now() + PATIENCE_MS;
    } catch (error) {
      if (asBulkheadError(error).disposition !== "retry" || clock.now() > until) throw error;
    }
    await sleep(delayMs, signal);
  }
}

/** Rejects with the signal's reason when it aborts. */
export async function sleep(durationMs: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<undefined>();
  const timer = setTimeout(resolve, durationMs, undefined);
  const stop = () => {
    reject(asBulkheadError(signal.reason));
  };
  signal.addEventListener("abort", stop, { once: true });
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
  }
}
