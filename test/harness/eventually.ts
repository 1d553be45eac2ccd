import { setTimeout as sleep } from "node:timers/promises";

const POLL_MS = 50;

/** Asks until the answer is defined; what the runtime refuses meanwhile counts as no answer yet. */
export async function eventually<T>(ask: () => Promise<T | undefined>, withinMs = 15_000): Promise<T> {
  const deadline = performance.now() + withinMs;
  let last: unknown;
  while (performance.now() < deadline) {
    try {
      const answer = await ask();
      if (answer !== undefined) return answer;
    } catch (error) {
      last = error;
    }
    await sleep(POLL_MS);
  }
  throw new Error(`not within ${withinMs} ms`, { cause: last });
}
