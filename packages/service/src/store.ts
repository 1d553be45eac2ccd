import { BulkheadError } from "@bulkhead/core";
import { type CollectionContract, DATABASES, type DatabaseName, type Policy } from "@bulkhead/schemas";
import { connectStore, type ForeignDatabase, type Store } from "@bulkhead/store";
import type { BaseConfig } from "./config.ts";

/** The secrets of a database user. */
export interface Account {
  readonly user: string;
  readonly password: string;
}

/**
 * Opens a service's own database, once it is proven that its user reaches that one alone (ZT-10).
 *
 * @throws BulkheadError `config.invalid` if none is configured, or if the user may do more than its service needs
 */
export async function openOwnStore(
  config: BaseConfig,
  account: Account | undefined,
  policy: Pick<Policy, "toolsets">,
): Promise<Store> {
  const owner = ownerOf(config.identity);
  if (config.mongo === undefined || account === undefined || owner === undefined)
    throw new BulkheadError("config.invalid", "(no database is configured)");
  const { url, db, caFile } = config.mongo;
  const store = await connectStore({ url, db, ...account, ...(caFile !== undefined && { caFile }) });
  try {
    await store.assertConfined(contractsOf(owner), foreignTo(config.identity, db, policy));
    return store;
  } catch (error) {
    await store[Symbol.asyncDispose]();
    throw error;
  }
}

/** Every other database of this constellation, whose names share a prefix. */
function foreignTo(identity: string, db: string, { toolsets }: Pick<Policy, "toolsets">): ForeignDatabase[] {
  const own = databaseOf(identity);
  const prefix = db.endsWith(own) ? db.slice(0, -own.length) : "";
  const services = Object.keys(DATABASES).filter((name) => name !== "exec");
  const all = [...services, ...Object.keys(toolsets).map((name) => `exec-${name}`)];
  const others = all.filter((name) => name !== identity);
  return others.map((name) => ({ db: `${prefix}${databaseOf(name)}`, collections: collectionsOf(name) }));
}

function collectionsOf(identity: string): string[] {
  const owner = ownerOf(identity);
  return owner === undefined ? [] : contractsOf(owner).map(({ name }) => name);
}

function contractsOf(owner: DatabaseName): readonly CollectionContract[] {
  return Object.values<CollectionContract>(DATABASES[owner]);
}

function ownerOf(identity: string): DatabaseName | undefined {
  if (identity.startsWith("exec-")) return "exec";
  return Object.hasOwn(DATABASES, identity) ? (identity as DatabaseName) : undefined;
}

function databaseOf(identity: string): string {
  return `bh_${identity.replace(/^exec-/, "exec_")}`;
}
