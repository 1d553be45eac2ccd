import type { Clock } from "@bulkhead/core";
import type { AuditWriter, Logger } from "@bulkhead/service";
import type { Counters } from "./chain/counters.ts";
import type { Entries } from "./chain/read.ts";
import { gapFound } from "./events.ts";

export interface GapParts {
  readonly entries: Entries;
  readonly counters: Counters;
  readonly audit: AuditWriter;
  readonly log: Logger;
  readonly clock: Clock;
  readonly graceMs: number;
}

/** Records what stayed missing, each once, also over restarts. */
export async function reportGaps(parts: GapParts): Promise<void> {
  for (const gap of await parts.counters.overdue(parts.clock.now() - parts.graceMs)) {
    const cause = `entry:${gap.instance}:${gap.counter}`;
    const known = await parts.entries.count({ causes: cause });
    if (known === 0) await gapFound(parts, gap);
  }
}

/** Looks for gaps until disposed. */
export function watchGaps(parts: GapParts): AsyncDisposable {
  let looking: Promise<void> = Promise.resolve();
  const timer = setInterval(() => {
    looking = looking
      .then(() => reportGaps(parts))
      .catch((error: unknown) => {
        parts.log.warn({ cause: String(error) }, "gaps could not be looked for");
      });
  }, parts.graceMs / 2);
  return {
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer);
      await looking;
    },
  };
}
