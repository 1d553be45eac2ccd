import { BulkheadError } from "@bulkhead/core";
import type { CollectionContract } from "@bulkhead/schemas";
import { type Collection, type Document, MongoBulkWriteError, type UpdateFilter, type WriteError } from "mongodb";
import type { z } from "zod";
import { isDuplicateKey, storeError, typed } from "./errors.ts";
import { assertSafeKeys, compileFilter, type Filter } from "./filter.ts";

/** Whether a document was inserted; if not, the keys of the unique index that already holds its value. */
export type Inserted = { readonly ok: true } | { readonly ok: false; readonly conflict: readonly string[] };

/** How many leading documents of a batch were inserted; the keys of the unique index that stopped the next one, if one did. */
export interface InsertedAll {
  readonly inserted: number;
  readonly conflict?: readonly string[];
}

type NumberKeys<T> = { [K in keyof T]-?: NonNullable<T[K]> extends number ? K : never }[keyof T];
type Items<T> = { [K in keyof T]?: NonNullable<T[K]> extends readonly (infer I)[] ? I : never };

/** What a compare-and-set changes: whole top-level fields, numbers by an amount, sets by one item. */
export interface Changes<T> {
  readonly set?: Partial<Omit<T, "_id">>;
  readonly unset?: readonly (keyof T & string)[];
  readonly inc?: { readonly [K in NumberKeys<T>]?: number };
  readonly addToSet?: Items<T>;
  readonly pull?: Items<T>;
}

/** How a list is read. `sort` in the order of its keys. */
export interface FindOptions<T> {
  readonly sort?: { readonly [K in keyof T]?: 1 | -1 };
  readonly limit?: number;
}

/** One collection. A filter that is a list matches when one of its members does. What is read is parsed by the contract. */
export interface CollectionPort<T> {
  /** Durable when it resolves (majority, journal). @throws BulkheadError `store.unavailable`, `store.document`, `schema.invalid` */
  insert(document: T): Promise<Inserted>;
  /** Inserts in order and stops at the first conflict: `inserted` leading documents are durable when it resolves. */
  insertAll(documents: readonly T[]): Promise<InsertedAll>;
  /** @throws BulkheadError `store.document` if what is stored does not match the contract */
  findOne(filter: Filter<T> | readonly Filter<T>[]): Promise<T | undefined>;
  /** At most `limit` (default 1000) documents. @throws BulkheadError `store.document` */
  find(filter: Filter<T> | readonly Filter<T>[], options?: FindOptions<T>): Promise<T[]>;
  /** Changes one document that matches, at once and durably; false if none matched. @throws BulkheadError `store.conflict` on a taken unique key */
  compareAndSet(filter: Filter<T>, changes: Changes<T>): Promise<boolean>;
  /** How many match. */
  count(filter: Filter<T> | readonly Filter<T>[]): Promise<number>;
}

const DEFAULT_LIMIT = 1_000;

/** The port of a collection. */
export function collectionPort<S extends z.ZodObject>(
  native: Collection,
  contract: CollectionContract<S>,
): CollectionPort<z.infer<S>> {
  type T = z.infer<S>;
  const read = (raw: Document): T => parse(contract, raw);
  return {
    insert: async (document) => await insertOne(native, check(contract, document)),
    insertAll: async (documents) => {
      const checked = documents.map((one) => check(contract, one));
      return await insertMany(native, checked);
    },
    findOne: async (filter) => {
      const raw = await typed(() => native.findOne(compileFilter(filter)));
      return raw === null ? undefined : read(raw);
    },
    find: async (filter, { sort = {}, limit = DEFAULT_LIMIT } = {}) => {
      const cursor = native.find(compileFilter(filter), { sort: Object.entries(sort) as [string, 1 | -1][], limit });
      return (await typed(() => cursor.toArray())).map(read);
    },
    compareAndSet: async (filter, changes) => {
      const update = compileChanges(contract, changes);
      return (await typed(() => native.updateOne(compileFilter(filter), update))).matchedCount === 1;
    },
    count: async (filter) => await typed(() => native.countDocuments(compileFilter(filter))),
  };
}

function parse<S extends z.ZodObject>(contract: CollectionContract<S>, raw: Document): z.infer<S> {
  const parsed = contract.document.safeParse(raw);
  if (parsed.success) return parsed.data;
  throw new BulkheadError("store.document", `(${contract.name})`, { cause: parsed.error });
}

function check(contract: CollectionContract, document: unknown): Document {
  assertSafeKeys(document);
  return parse(contract, document as Document);
}

async function insertOne(native: Collection, document: Document): Promise<Inserted> {
  try {
    await native.insertOne(document);
    return { ok: true };
  } catch (error) {
    if (!isDuplicateKey(error)) throw storeError(error);
    return { ok: false, conflict: conflictOf(error, error.message) };
  }
}

async function insertMany(native: Collection, documents: Document[]): Promise<InsertedAll> {
  if (documents.length === 0) return { inserted: 0 };
  try {
    return { inserted: (await native.insertMany(documents, { ordered: true })).insertedCount };
  } catch (error) {
    if (!(error instanceof MongoBulkWriteError) || !isDuplicateKey(error)) throw storeError(error);
    const [first] = listOf<WriteError>(error.writeErrors);
    return { inserted: error.insertedCount, conflict: conflictOf(first?.err, first?.errmsg) };
  }
}

/** The keys of the index that a duplicate-key error names. */
function conflictOf(error: Document | undefined, message = ""): string[] {
  const pattern: unknown = error?.["keyPattern"];
  if (typeof pattern === "object" && pattern !== null) return Object.keys(pattern);
  const keys = /dup key: \{ (?<keys>[^}]*)/.exec(message)?.groups?.["keys"] ?? "_id:";
  return [...keys.matchAll(/(?:^|, )(\w+):/g)].map((match) => match[1] ?? "");
}

function compileChanges<T>(contract: CollectionContract, changes: Changes<T>): UpdateFilter<Document> {
  const { set, unset, inc, addToSet, pull } = changes;
  for (const part of [set, inc, addToSet, pull]) assertSafeKeys(part ?? {});
  if (set !== undefined) checkFields(contract, set);
  const operators = {
    $set: set,
    $unset: unset && Object.fromEntries(unset.map((key) => [key, ""])),
    $inc: inc,
    $addToSet: addToSet,
    $pull: pull,
  };
  return Object.fromEntries(
    Object.entries(operators).filter(([, part]) => part !== undefined && Object.keys(part).length > 0),
  );
}

/** A schema is compiled at its first use, which costs more than a write. */
const partials = new WeakMap<CollectionContract, z.ZodType>();

function checkFields(contract: CollectionContract, set: object): void {
  let partial = partials.get(contract);
  if (partial === undefined) partials.set(contract, (partial = contract.document.partial()));
  const parsed = partial.safeParse(set);
  if (!parsed.success) throw new BulkheadError("store.document", `(${contract.name})`, { cause: parsed.error });
}

function listOf<T>(one: T | readonly T[]): readonly T[] {
  return Array.isArray(one) ? (one as readonly T[]) : [one as T];
}
