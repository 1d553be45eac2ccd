import { toWire } from "@bulkhead/core";
import type { OutsideSource } from "@bulkhead/schemas";
import type { Watchdog } from "../port.ts";
import type { Anomaly, View } from "../watch/anomaly.ts";
import { first } from "../watch/report.ts";
import type { Thresholds } from "../watch/thresholds.ts";
import { compare } from "./compare.ts";
import { jsonlRecord } from "./jsonl.ts";
import type { OutsideRecord } from "./record.ts";

const MAX_CAUSES = 32;

const ADAPTERS: Readonly<Record<OutsideSource["kind"], (source: OutsideSource) => OutsideRecord>> = {
  jsonl: jsonlRecord,
};

/** Compares every outside record of the policy with the window, whenever it is asked; matches are recorded once. */
export function followOutside(
  watchdog: Watchdog,
  { outsideMs }: Thresholds,
): (view: View) => Promise<readonly Anomaly[]> {
  const records = (watchdog.policy.policy.watch?.outside ?? []).map((source) => ADAPTERS[source.kind](source));
  const settled = new Set<string>();
  return async (view) => {
    const begin = (view.window[0]?.at ?? view.now) + outsideMs;
    const found = await Promise.all(records.map((record) => look(watchdog, record, { view, begin, settled })));
    return found.flat();
  };
}

async function look(
  watchdog: Watchdog,
  record: OutsideRecord,
  { view, begin, settled }: { readonly view: View; readonly begin: number; readonly settled: Set<string> },
): Promise<readonly Anomaly[]> {
  try {
    const { matched, anomalies } = compare(record.toolset, await record.since(begin), { ...view, begin });
    const fresh = matched.filter((effect) => !settled.has(effect)).slice(0, MAX_CAUSES);
    await tellMatched(watchdog, record.toolset, fresh);
    for (const effect of fresh) settled.add(effect);
    return anomalies;
  } catch (error) {
    watchdog.log.warn({ toolset: record.toolset, ...toWire(error) }, "outside record not read");
    return [];
  }
}

async function tellMatched(watchdog: Watchdog, toolset: string, effects: readonly string[]): Promise<void> {
  const fresh: string[] = [];
  for (const effect of effects) {
    if (await first(watchdog, `reconciled:${toolset}.${effect}`)) fresh.push(effect);
  }
  if (fresh.length === 0) return;
  const causes = fresh.map((effect) => `effect:${effect}`);
  await watchdog.audit.record("watchdog.reconciled", { state: toolset.slice(0, 40), count: fresh.length, causes });
}
