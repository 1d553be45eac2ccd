/**
 * Owns: reading and raising the sticky labels of a task in KV `labels`.
 * Does not own: which labels a tool or submission raises (policy, executor, tasks).
 * Invariants: S9: presence is the label; a key is created once and can neither be deleted nor rolled up, so labels never fall;
 * a failed read is an error, never "no labels"; for the same reason a label that was seen is remembered, and its absence never.
 */
import type { Bucket } from "@bulkhead/bus";
import { asBulkheadError, BulkheadError, isBulkheadError } from "@bulkhead/core";
import type { Label } from "@bulkhead/schemas";

const LABELS: readonly Label[] = ["A", "B"];
const MAX_SEEN = 10_000;
const PRESENT = new TextEncoder().encode("{}");

/** Reads and raises labels. */
export interface LabelStore {
  /** The labels of a task, sorted. @throws BulkheadError `label.unavailable` */
  of(task: string): Promise<Label[]>;
  /** Raises labels; raising one twice is no error. Resolves when they are durable. @throws BulkheadError `label.unavailable` */
  raise(task: string, labels: readonly Label[]): Promise<void>;
}

/** The labels in this bucket. */
export function labelStore(bucket: Bucket): LabelStore {
  const seen = new Set<string>();
  const remember = (key: string): void => {
    if (seen.size >= MAX_SEEN) seen.clear();
    seen.add(key);
  };
  return {
    of: async (task) => {
      const keys = LABELS.map((label) => `${task}.${label}`);
      const found = await present(bucket, task, { seen: keys.filter((key) => seen.has(key)), keys });
      found.forEach(remember);
      return LABELS.filter((_, at) => found.includes(keys[at] ?? ""));
    },
    raise: async (task, labels) => {
      await Promise.all(labels.map((label) => create(bucket, task, label)));
    },
  };
}

interface Known {
  readonly keys: readonly string[];
  readonly seen: readonly string[];
}

/** Which of the keys are there: one request for a task without labels. */
async function present(bucket: Bucket, task: string, { keys, seen }: Known): Promise<readonly string[]> {
  try {
    if (seen.length === 0) return (await bucket.list(`${task}.*`)).map(({ key }) => key);
    const missing = keys.filter((key) => !seen.includes(key));
    const found = await Promise.all(missing.map((key) => bucket.get(key)));
    return [...seen, ...missing.filter((_, at) => found[at] !== undefined)];
  } catch (cause) {
    throw new BulkheadError("label.unavailable", undefined, { cause });
  }
}

async function create(bucket: Bucket, task: string, label: Label): Promise<void> {
  try {
    await bucket.put(`${task}.${label}`, PRESENT, 0);
  } catch (error) {
    if (isBulkheadError(error, "bus.conflict")) return;
    throw new BulkheadError("label.unavailable", undefined, { cause: asBulkheadError(error) });
  }
}
