import type { Parts, PermittedCall } from "./parts.ts";

const MAX_KNOWN = 10_000;

/** Raises the labels of a tool's results before it runs (S9). Labels never fall, so those that are raised are remembered. */
export function raiser({ runtime, events }: Parts): (call: PermittedCall) => Promise<void> {
  const known = new Set<string>();
  return async (call) => {
    const { task } = call.action;
    const missing = call.loaded.contract.reads.filter((label) => !known.has(`${task}.${label}`));
    if (missing.length === 0) return;
    await runtime.labels.raise(task, missing);
    if (known.size > MAX_KNOWN) known.clear();
    for (const label of missing) known.add(`${task}.${label}`);
    await events.call("label.raised", call, { labels: [...missing].sort() });
  };
}
