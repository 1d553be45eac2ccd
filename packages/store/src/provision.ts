/**
 * Owns: databases, collections, validators, indexes, roles and users, made from the contracts by an administrator.
 * Does not own: the administrator's password, the services' passwords (their key files).
 * Invariants: a service's user reaches its own database alone, and only the collections of its contracts; running it again changes nothing else.
 */
import { type CollectionContract, DATABASES, type DatabaseName } from "@bulkhead/schemas";
import { type Db, type Document, type MongoClient, MongoServerError } from "mongodb";
import { openClient } from "./connect.ts";
import { storeError, typed } from "./errors.ts";
import { ensureIndexes } from "./indexes.ts";
import { privilegesOf, type StoreRole } from "./rights.ts";
import { validatorOf } from "./validator.ts";

/** One service's database and user. */
export interface DatabasePlan {
  readonly db: string;
  readonly user: string;
  readonly password: string;
  readonly role: StoreRole;
  readonly collections: readonly CollectionContract[];
}

/** The plan of a contract's database: the ledger's user may append only, every other one works on its own documents. */
export function planFor(owner: DatabaseName, account: Pick<DatabasePlan, "db" | "user" | "password">): DatabasePlan {
  const role = owner === "ledger" ? "append-only" : "own";
  return { ...account, role, collections: Object.values(DATABASES[owner]) };
}

/** The administrator's access; the user is defined in `admin`. */
export interface AdminAccess {
  readonly url: string;
  readonly user: string;
  readonly password: string;
  readonly caFile?: string;
}

/** Makes every database ready. Idempotent: users that exist get the plan's password and role. @throws BulkheadError `store.unavailable`, `forbidden` */
export async function provisionDatabases(admin: AdminAccess, plans: readonly DatabasePlan[]): Promise<void> {
  const client = await openClient({ ...admin, db: "admin" });
  try {
    for (const plan of plans) await provision(client, plan);
  } catch (error) {
    throw storeError(error);
  } finally {
    await client.close();
  }
}

async function provision(client: MongoClient, plan: DatabasePlan): Promise<void> {
  const db = client.db(plan.db);
  await ensureCollections(db, plan.collections);
  await ensureIndexes(db, plan.collections);
  await ensureRole(db, plan);
  await ensureUser(db, plan);
}

async function ensureCollections(db: Db, contracts: readonly CollectionContract[]): Promise<void> {
  const found = await typed(() => db.listCollections({}, { nameOnly: true }).toArray());
  const names = new Set(found.map(({ name }) => name));
  for (const contract of contracts) {
    const validation = { validator: validatorOf(contract), validationLevel: "strict", validationAction: "error" };
    await typed(() =>
      names.has(contract.name)
        ? db.command({ collMod: contract.name, ...validation })
        : db.createCollection(contract.name, validation),
    );
  }
}

const roleName = (role: StoreRole): string => `bulkhead-${role}`;

async function ensureRole(db: Db, plan: DatabasePlan): Promise<void> {
  const name = roleName(plan.role);
  const rights = { privileges: privilegesOf(plan.role, plan.db, plan.collections), roles: [] };
  await createOrUpdate(db, { createRole: name, ...rights }, { updateRole: name, ...rights });
}

async function ensureUser(db: Db, plan: DatabasePlan): Promise<void> {
  const account = { pwd: plan.password, roles: [{ role: roleName(plan.role), db: plan.db }] };
  await createOrUpdate(db, { createUser: plan.user, ...account }, { updateUser: plan.user, ...account });
}

const EXISTS = new Set([51002, 51003]);

async function createOrUpdate(db: Db, create: Document, update: Document): Promise<void> {
  try {
    await db.command(create);
  } catch (error) {
    if (!(error instanceof MongoServerError) || !EXISTS.has(Number(error.code))) throw error;
    await db.command(update);
  }
}
