/**
 * Owns: what a service's user may do in its database, and the proof at start that it can do no more: not in its own database,
 * not in another one, and, where it is append-only, not to what is written.
 * Invariants: S6 (history cannot be changed by the process that writes it). No built-in role is used: `readWrite` may drop,
 * rename into another database, and bypass validators.
 */
import { BulkheadError } from "@bulkhead/core";
import type { CollectionContract } from "@bulkhead/schemas";
import { type Db, type Document, MongoServerError } from "mongodb";
import { isUnauthorized, storeError, typed } from "./errors.ts";

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

type Probes = Readonly<Record<string, Document>>;

/** Commands that must be refused to every service; each would change nothing if it were permitted. */
function structural(db: string, name: string): Probes {
  const ns = `${db}.${name}`;
  return {
    collMod: { collMod: name },
    createIndexes: { createIndexes: name, indexes: [{ key: { _id: 1 }, name: "_id_" }] },
    dropIndexes: { dropIndexes: name, index: "no-such-index" },
    drop: { drop: `${name}-no-such-collection` },
    renameCollection: { renameCollection: ns, to: ns },
  };
}

/** Commands that must be refused where nothing may be changed; likewise harmless. */
function changing(db: string, name: string): Probes {
  return {
    update: { update: name, updates: [{ q: NOBODY, u: { $set: { probe: 1 } } }] },
    delete: { delete: name, deletes: [{ q: NOBODY, limit: 1 }] },
    findAndModify: { findAndModify: name, query: NOBODY, remove: true },
    merge: { aggregate: name, pipeline: [{ $match: NOBODY }, { $merge: { into: name } }], cursor: {} },
    bulkWrite: { bulkWrite: 1, ops: [{ delete: 0, filter: NOBODY }], nsInfo: [{ ns: `${db}.${name}` }] },
  };
}

const ON_ADMIN = new Set(["renameCollection", "bulkWrite"]);
const NO_SUCH_COMMAND = 59;

/** Tries what an append-only user must not be able to do. @throws BulkheadError `config.invalid` naming what is permitted */
export async function assertAppendOnly(db: Db, contract: CollectionContract): Promise<void> {
  const { databaseName: own } = db;
  const found = await firstPermitted(db, { ...structural(own, contract.name), ...changing(own, contract.name) });
  if (found !== undefined)
    throw new BulkheadError("config.invalid", `(the database permits ${found} to an append-only user)`);
}

/** Another service's database, as far as it is known. */
export interface ForeignDatabase {
  readonly db: string;
  readonly collections: readonly string[];
}

/**
 * Proves that this user reads its own collections, cannot change what they are, and reaches nothing in the other databases.
 *
 * @throws BulkheadError `config.invalid` naming what is permitted, `forbidden` if its own is refused
 */
export async function assertConfined(
  db: Db,
  own: readonly CollectionContract[],
  foreign: readonly ForeignDatabase[],
): Promise<void> {
  for (const { name } of own) {
    await typed(() => db.command({ find: name, filter: NOBODY, limit: 1 }));
    const found = await firstPermitted(db, structural(db.databaseName, name));
    if (found !== undefined) throw tooMuch(`${found} on ${db.databaseName}.${name}`);
  }
  const others = [...foreign, { db: "admin", collections: ["system.users"] }];
  await Promise.all(
    others.flatMap((other) => other.collections.map((name) => assertClosed(db.client.db(other.db), name))),
  );
}

async function assertClosed(db: Db, name: string): Promise<void> {
  const find = { find: name, filter: {}, limit: 1 };
  const { update = {}, bulkWrite = {} } = changing(db.databaseName, name);
  const found = await firstPermitted(db, { find, update, bulkWrite });
  if (found !== undefined) throw tooMuch(`${found} on ${db.databaseName}.${name}`);
}

function tooMuch(what: string): BulkheadError {
  return new BulkheadError("config.invalid", `(the database permits ${what} to this service's user)`);
}

async function firstPermitted(db: Db, probes: Probes): Promise<string | undefined> {
  const admin = db.client.db("admin");
  const tried = Object.entries(probes).map(async ([name, command]) =>
    (await permitted(ON_ADMIN.has(name) ? admin : db, command)) ? name : undefined,
  );
  return (await Promise.all(tried)).find((name) => name !== undefined);
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
