import type { z } from "zod";

/** One index of a collection: the direction of each key in order, and what it enforces. */
export interface IndexContract {
  readonly keys: Readonly<Record<string, 1 | -1>>;
  readonly unique?: boolean;
  /** Only documents that match are indexed (equality and `$exists: true` only, which every server supports). */
  readonly partial?: Readonly<Record<string, unknown>>;
  /** Delete this many seconds after the date in the (single) key. 0 = at the date itself. */
  readonly ttlSeconds?: number;
}

/** One collection: which database it lies in, what a document is, and its indexes. Permissions and provisioning come from it. */
export interface CollectionContract<S extends z.ZodObject = z.ZodObject> {
  readonly name: string;
  readonly document: S;
  readonly indexes: readonly IndexContract[];
}

/** Declares a collection. `_id` is always a string or an integer of the document's own. */
export function collection<S extends z.ZodObject>(
  name: string,
  document: S,
  indexes: readonly IndexContract[] = [],
): CollectionContract<S> {
  return { name, document, indexes };
}
