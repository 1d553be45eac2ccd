import { once } from "node:events";

/** Ctrl-C, SIGTERM or a hang-up: the first asks for an orderly end, a second one within it ends at once. */
export interface Interrupt extends Disposable {
  readonly signal: AbortSignal;
  readonly interrupted: Promise<void>;
}

const NAMES = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
/** A terminal and a wrapper may both pass on the same Ctrl-C. */
const SAME_PRESS_MS = 500;

/** Listens from now on. */
export function untilInterrupted(): Interrupt {
  const ending = new AbortController();
  const interrupted = once(ending.signal, "abort").then(() => undefined);
  let first: number | undefined;
  const onSignal = (): void => {
    if (first !== undefined && performance.now() - first > SAME_PRESS_MS) process.exit(130);
    first ??= performance.now();
    ending.abort();
  };
  for (const name of NAMES) process.on(name, onSignal);
  return {
    signal: ending.signal,
    interrupted,
    [Symbol.dispose]: () => {
      for (const name of NAMES) process.off(name, onSignal);
    },
  };
}
