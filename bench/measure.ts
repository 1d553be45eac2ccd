/** One operation's figures: latencies at concurrency 1, throughput at 1 and 32. */
export interface Figures {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly perSecond1: number;
  readonly perSecond32: number;
}

/** How long each measurement runs at most, and how many operations it takes at most. */
export interface Bounds {
  readonly durationMs: number;
  readonly operations: number;
}

/**
 * Measures `operation` alone and 32 at a time, after a warm-up at 32 that leaves every process with compiled code. Bounded in
 * time and count, so that it stops by itself.
 * A failing operation fails the benchmark: figures of errors are worth nothing.
 */
export async function measure(operation: () => Promise<unknown>, bounds: Bounds): Promise<Figures> {
  await run(operation, 32, bounds);
  const alone = await run(operation, 1, bounds);
  const together = await run(operation, 32, bounds);
  const sorted = alone.latencies.toSorted((a, b) => a - b);
  return {
    p50Ms: round(quantile(sorted, 0.5)),
    p99Ms: round(quantile(sorted, 0.99)),
    perSecond1: Math.round(alone.perSecond),
    perSecond32: Math.round(together.perSecond),
  };
}

async function run(
  operation: () => Promise<unknown>,
  concurrency: number,
  bounds: Bounds,
): Promise<{ latencies: number[]; perSecond: number }> {
  const latencies: number[] = [];
  const started = performance.now();
  let left = bounds.operations;
  const worker = async (): Promise<void> => {
    while (left-- > 0 && performance.now() - started < bounds.durationMs) {
      const before = performance.now();
      await operation();
      latencies.push(performance.now() - before);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return { latencies, perSecond: (latencies.length / (performance.now() - started)) * 1_000 };
}

/** The value below which this share of the sorted values lies. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** Rounds to a thousandth. */
export function round(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}

/** The middle and the worst but one in a hundred. */
export interface Latencies {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** The latencies of these, in any order. */
export function latencies(values: readonly number[]): Latencies {
  const sorted = values.toSorted((a, b) => a - b);
  return { p50Ms: round(quantile(sorted, 0.5)), p99Ms: round(quantile(sorted, 0.99)) };
}
