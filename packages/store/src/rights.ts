/**
 * Owns: what a service's user may do in its database, and the proof at start that an append-only user cannot do more.
 * Invariants: S6 (history cannot be changed by the process that writes it). No built-in role is used: `readWrite` may drop,
 * rename into another database, and bypass validators.
 */
import { BulkheadError } from "@bulkhead/core";
import type { CollectionContract } from "@bulkhead/schemas";
import { type Db, type Document, MongoServerError } from "mongodb";
import { isUnauthorized, storeError } from "./errors.ts";

/** `own`: read and write documents. `append-only`: insert and find. Neither may change collections, indexes, validators or users. */
export type StoreRole = "own" | "append-only";

const APPEND = ["find", "insert", "listIndexes"];
const ACTIONS: Readonly<Record<StoreRole, readonly string[]>> = {
  own: [...APPEND, "update", "remove"],
  "append-only": APPEND,
};

/** The privileges of a role over exactly these collections. */
export function privilegesOf(role: StoreRole, db: string, contracts: readonly CollectionContract[]): Document[] {
  return [
    ...contracts.map(({ name }) => ({ resource: { db, collection: name }, actions: [...ACTIONS[role]] })),
    { resource: { db, collection: "" }, actions: ["listCollections"] },
  ];
}

const NOBODY = { _id: -1 };

/** Commands that must be refused; each would change nothing if it were permitted. */
function probes(db: string, name: string): Readonly<Record<string, Document>> {
  const ns = `${db}.${name}`;
  return {
    update: { update: name, updates: [{ q: NOBODY, u: { $set: { probe: 1 } } }] },
    delete: { delete: name, deletes: [{ q: NOBODY, limit: 1 }] },
    findAndModify: { findAndModify: name, query: NOBODY, remove: true },
    collMod: { collMod: name },
    createIndexes: { createIndexes: name, indexes: [{ key: { _id: 1 }, name: "_id_" }] },
    dropIndexes: { dropIndexes: name, index: "no-such-index" },
    drop: { drop: `${name}-no-such-collection` },
    merge: { aggregate: name, pipeline: [{ $match: NOBODY }, { $merge: { into: name } }], cursor: {} },
    renameCollection: { renameCollection: ns, to: ns },
    bulkWrite: { bulkWrite: 1, ops: [{ delete: 0, filter: NOBODY }], nsInfo: [{ ns }] },
  };
}

const ON_ADMIN = new Set(["renameCollection", "bulkWrite"]);
const NO_SUCH_COMMAND = 59;

/** Tries what an append-only user must not be able to do. @throws BulkheadError `config.invalid` naming what is permitted */
export async function assertAppendOnly(db: Db, contract: CollectionContract): Promise<void> {
  for (const [name, command] of Object.entries(probes(db.databaseName, contract.name))) {
    if (await permitted(ON_ADMIN.has(name) ? db.client.db("admin") : db, command))
      throw new BulkheadError("config.invalid", `(the database permits ${name} to an append-only user)`);
  }
}

async function permitted(db: Db, command: Document): Promise<boolean> {
  try {
    await db.command(command);
    return true;
  } catch (error) {
    if (!(error instanceof MongoServerError)) throw storeError(error);
    return !isUnauthorized(error) && error.code !== NO_SUCH_COMMAND;
  }
}
