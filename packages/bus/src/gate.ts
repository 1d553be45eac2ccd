/** Runs jobs in the order of their arrival, a bounded number at a time. */
export interface Gate {
  /** Starts the job or queues it; false if the queue is full. A job must not reject. */
  admit(job: () => Promise<void>): boolean;
  /** Resolves when nothing is running or queued. */
  idle(): Promise<void>;
}

/** A gate for `concurrency` jobs at a time with `maxQueued` more waiting. */
export function createGate(concurrency: number, maxQueued: number): Gate {
  const queue: (() => Promise<void>)[] = [];
  const waiters: (() => void)[] = [];
  let running = 0;
  const next = (): void => {
    const job = running < concurrency ? queue.shift() : undefined;
    if (job === undefined) {
      if (running === 0) for (const done of waiters.splice(0)) done();
      return;
    }
    running++;
    void job().finally(() => {
      running--;
      next();
    });
  };
  return {
    admit(job) {
      if (queue.length >= maxQueued) return false;
      queue.push(job);
      next();
      return true;
    },
    async idle() {
      if (running + queue.length === 0) return;
      await new Promise<void>((resolve) => waiters.push(resolve));
    },
  };
}
