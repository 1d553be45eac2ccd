/**
 * Owns: reading and raising the sticky labels of a task in KV `labels`.
 * Does not own: which labels a tool or submission raises (policy, executor, tasks).
 * Invariants: S9: presence is the label; a key is created once and can neither be deleted nor rolled up, so labels never fall;
 * a failed read is an error, never "no labels".
 */
import type { Bucket } from "@bulkhead/bus";
import { asBulkheadError, BulkheadError, isBulkheadError } from "@bulkhead/core";
import type { Label } from "@bulkhead/schemas";

const LABELS: readonly Label[] = ["A", "B"];
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
  return {
    of: async (task) => {
      const found = await Promise.all(LABELS.map(async (label) => ((await read(bucket, task, label)) ? [label] : [])));
      return found.flat();
    },
    raise: async (task, labels) => {
      await Promise.all(labels.map((label) => create(bucket, task, label)));
    },
  };
}

async function read(bucket: Bucket, task: string, label: Label): Promise<boolean> {
  try {
    return (await bucket.get(`${task}.${label}`)) !== undefined;
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
