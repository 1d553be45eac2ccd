/**
 * Owns: the connection of one service to its own database, with its own user.
 * Does not own: users, roles, validators and indexes (`provisionDatabase`).
 * Invariants: no plaintext outside loopback; every acknowledged write is majority and journaled (S1, S10).
 */
import { BulkheadError } from "@bulkhead/core";
import type { CollectionContract } from "@bulkhead/schemas";
import { MongoClient, type MongoClientOptions } from "mongodb";
import type { z } from "zod";
import { type CollectionPort, collectionPort } from "./collection.ts";
import { storeError, typed } from "./errors.ts";
import { checkIndexes } from "./indexes.ts";
import { assertAppendOnly, assertConfined, type ForeignDatabase } from "./rights.ts";

/** Where the database is and who asks. The user is defined in `db` itself. */
export interface StoreConfig {
  readonly url: string;
  readonly db: string;
  readonly user: string;
  readonly password: string;
  /** A PEM file of the authority that signed the server's certificate; it turns TLS on. */
  readonly caFile?: string;
}

/** One service's database. */
export interface Store extends AsyncDisposable {
  collection<S extends z.ZodObject>(contract: CollectionContract<S>): CollectionPort<z.infer<S>>;
  /** Refuses to go on with other indexes than the contracts'. @throws BulkheadError `config.invalid` naming the index */
  checkIndexes(contracts: readonly CollectionContract[]): Promise<void>;
  /** Proves that this user can change nothing (AUD-12). @throws BulkheadError `config.invalid` naming what the server permits */
  assertAppendOnly(contract: CollectionContract): Promise<void>;
  /** Proves that this user reaches its own collections and no other database. @throws BulkheadError `config.invalid`, `forbidden` */
  assertConfined(own: readonly CollectionContract[], foreign: readonly ForeignDatabase[]): Promise<void>;
  /** Resolves when the database answers. @throws BulkheadError `store.unavailable` */
  ping(): Promise<void>;
}

const SELECTION_MS = 5_000;
const POOL_SIZE = 8;

/** Durable, bounded, never waiting for ever. */
export const CLIENT_OPTIONS = {
  writeConcern: { w: "majority", journal: true },
  readConcern: { level: "majority" },
  readPreference: "primary",
  maxPoolSize: POOL_SIZE,
  serverSelectionTimeoutMS: SELECTION_MS,
  connectTimeoutMS: SELECTION_MS,
  socketTimeoutMS: 30_000,
  waitQueueTimeoutMS: SELECTION_MS,
  ignoreUndefined: true,
} as const satisfies MongoClientOptions;

/** Connects and authenticates. @throws BulkheadError `store.unavailable`, `forbidden` (wrong user), `config.invalid` (plaintext) */
export async function connectStore(
  config: StoreConfig,
  options: { readonly signal?: AbortSignal } = {},
): Promise<Store> {
  options.signal?.throwIfAborted();
  const client = await openClient(config);
  const close = (): void => void client.close();
  options.signal?.addEventListener("abort", close, { once: true });
  const db = client.db(config.db);
  return {
    collection: (contract) => collectionPort(db.collection(contract.name), contract),
    checkIndexes: (contracts) => checkIndexes(db, contracts),
    assertAppendOnly: (contract) => assertAppendOnly(db, contract),
    assertConfined: (own, foreign) => assertConfined(db, own, foreign),
    ping: async () => {
      await typed(() => db.command({ ping: 1 }));
    },
    [Symbol.asyncDispose]: async () => {
      options.signal?.removeEventListener("abort", close);
      await client.close();
    },
  };
}

/** Opens a client that has authenticated. */
export async function openClient(config: StoreConfig): Promise<MongoClient> {
  assertPrivate(config);
  const client = new MongoClient(config.url, {
    ...CLIENT_OPTIONS,
    auth: { username: config.user, password: config.password },
    authSource: config.db,
    ...(config.caFile !== undefined && { tls: true, tlsCAFile: config.caFile }),
  });
  try {
    return await client.connect();
  } catch (error) {
    await client.close();
    throw storeError(error);
  }
}

const LOOPBACK = /^(127(\.\d+){3}|localhost|\[::1\])(:\d+)?$/;

function assertPrivate({ url, caFile }: StoreConfig): void {
  const match = /^mongodb(?<srv>\+srv)?:\/\/(?:[^@/]*@)?(?<hosts>[^/?]+)/.exec(url)?.groups;
  if (match === undefined) throw new BulkheadError("config.invalid", "(not a mongodb:// address)");
  const query = new URLSearchParams(url.split("?")[1] ?? "");
  const encrypted = caFile !== undefined || query.get("tls") === "true" || query.get("ssl") === "true";
  const local = (match["hosts"] ?? "").split(",").every((host) => LOOPBACK.test(host));
  if (encrypted || local || (match["srv"] !== undefined && query.get("tls") !== "false")) return;
  throw new BulkheadError("config.invalid", "(outside loopback the database is reached over TLS only: add tls=true)");
}
