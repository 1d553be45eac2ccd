export interface Waiters {
  /** Resolves at the next nudge for the agent, after `waitMs`, or when `signal` aborts. Never rejects. */
  wait(agent: string, waitMs: number, signal: AbortSignal): Promise<void>;
  nudge(agent: string): void;
}

export function createWaiters(): Waiters {
  const waiting = new Map<string, Set<() => void>>();
  return {
    wait: async (agent, waitMs, signal) => {
      if (signal.aborted || waitMs <= 0) return;
      const { promise, resolve } = Promise.withResolvers<undefined>();
      const done = (): void => {
        resolve(undefined);
      };
      const group = waiting.get(agent) ?? new Set();
      waiting.set(agent, group.add(done));
      const timer = setTimeout(done, waitMs);
      signal.addEventListener("abort", done, { once: true });
      await promise;
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      group.delete(done);
    },
    nudge: (agent) => {
      for (const done of waiting.get(agent) ?? []) done();
    },
  };
}
