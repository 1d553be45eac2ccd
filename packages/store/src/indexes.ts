import { BulkheadError } from "@bulkhead/core";
import type { CollectionContract, IndexContract } from "@bulkhead/schemas";
import type { CreateIndexesOptions, Db, Document } from "mongodb";
import { typed } from "./errors.ts";

/** An index's name, made of its keys: `agent_1_state_1`. */
export function indexName(index: IndexContract): string {
  return Object.entries(index.keys)
    .map(([key, direction]) => `${key}_${direction}`)
    .join("_");
}

/** Creates the indexes of the contracts; existing ones stay. Needs rights that services do not have. */
export async function ensureIndexes(db: Db, contracts: readonly CollectionContract[]): Promise<void> {
  for (const { name, indexes } of contracts) {
    for (const index of indexes) await typed(() => db.collection(name).createIndex(index.keys, optionsOf(index), {}));
  }
}

function optionsOf(index: IndexContract): CreateIndexesOptions {
  return {
    name: indexName(index),
    ...(index.unique === true && { unique: true }),
    ...(index.partial && { partialFilterExpression: index.partial }),
    ...(index.ttlSeconds !== undefined && { expireAfterSeconds: index.ttlSeconds }),
  };
}

/**
 * Compares a database with its contracts (AUD-13): a missing index loses uniqueness, an extra TTL index deletes records.
 *
 * @throws BulkheadError `config.invalid` naming the first collection or index that is missing, extra or different
 */
export async function checkIndexes(db: Db, contracts: readonly CollectionContract[]): Promise<void> {
  for (const contract of contracts) {
    const found = await typed(() => db.collection(contract.name).indexes());
    const wanted = new Map(contract.indexes.map((index) => [indexName(index), describe(index.keys, optionsOf(index))]));
    for (const index of found) {
      if (index["name"] === "_id_") continue;
      compare(contract.name, index, wanted);
    }
    const [missing] = wanted.keys();
    if (missing !== undefined) throw wrong(contract.name, missing, "missing");
  }
}

function compare(collection: string, index: Document, wanted: Map<string, string>): void {
  const name = String(index["name"]);
  const expected = wanted.get(name);
  if (expected === undefined) throw wrong(collection, name, "not in the contract");
  if (describe(index["key"] as object, index) !== expected)
    throw wrong(collection, name, "different from the contract");
  wanted.delete(name);
}

function describe(keys: object, options: Document): string {
  return JSON.stringify([
    Object.entries(keys).map(([key, direction]) => [key, Number(direction)]),
    options["unique"] === true,
    options["partialFilterExpression"] ?? null,
    options["expireAfterSeconds"] === undefined ? null : Number(options["expireAfterSeconds"]),
  ]);
}

function wrong(collection: string, index: string, how: string): BulkheadError {
  return new BulkheadError("config.invalid", `(database: index ${index} of ${collection} is ${how})`);
}
