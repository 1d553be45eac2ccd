import { DATABASES } from "@bulkhead/schemas";
import { connectStore, planFor, provisionDatabases } from "@bulkhead/store";
import { type Document, MongoClient } from "mongodb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type TestDatabase, testDatabase } from "../harness/database.ts";
import { verifies } from "../verifies.ts";

const OWNERS = ["tasks", "proposals", "watchdog", "exec", "models", "ledger", "memory"] as const;
const accountOf = (owner: string) => ({ db: `bh_${owner}`, user: owner, password: `secret-of-${owner}` });

let database: TestDatabase;
const clients: MongoClient[] = [];

async function as(owner: string): Promise<MongoClient> {
  const { db, user, password } = accountOf(owner);
  const client = new MongoClient(database.url, { auth: { username: user, password }, authSource: db });
  clients.push(client);
  return await client.connect();
}

const entry = (seq: number): Document => ({
  _id: seq,
  chain: "c",
  leaf: "l",
  issuer: "gateway",
  instance: "gateway-1",
  counter: seq,
  event: "service.started",
  causes: [],
  streamSeq: seq,
  recordedAt: 1,
  envelope: { v: 1, type: "audit", issuer: "gateway", id: "m", at: 1, body: {}, sig: "s".repeat(86) },
});

beforeAll(async () => {
  database = await testDatabase();
  await provisionDatabases(
    database.admin,
    OWNERS.map((owner) => planFor(owner, accountOf(owner))),
  );
});

afterAll(async () => {
  for (const client of clients) await client.close();
  await database[Symbol.asyncDispose]();
});

describe("the ledger's user", () => {
  const ns = "bh_ledger.entries";
  const forbidden: [string, Document, string?][] = [
    ["update", { update: "entries", updates: [{ q: { _id: 1 }, u: { $set: { leaf: "x" } } }] }],
    ["upsert", { update: "entries", updates: [{ q: { _id: 9 }, u: { $set: { leaf: "x" } }, upsert: true }] }],
    ["delete", { delete: "entries", deletes: [{ q: { _id: 1 }, limit: 1 }] }],
    ["findAndModify", { findAndModify: "entries", query: { _id: 1 }, remove: true }],
    ["drop", { drop: "entries" }],
    ["dropDatabase", { dropDatabase: 1 }],
    ["rename", { renameCollection: ns, to: "bh_ledger.other" }, "admin"],
    ["collMod", { collMod: "entries", validator: {} }],
    ["createIndexes", { createIndexes: "entries", indexes: [{ key: { at: 1 }, name: "ttl", expireAfterSeconds: 1 }] }],
    ["dropIndexes", { dropIndexes: "entries", index: "*" }],
    ["create", { create: "other" }],
    ["$out", { aggregate: "entries", pipeline: [{ $out: "entries" }], cursor: {} }],
    ["$merge", { aggregate: "entries", pipeline: [{ $merge: { into: "entries" } }], cursor: {} }],
    ["bulkWrite", { bulkWrite: 1, ops: [{ delete: 0, filter: {}, multi: true }], nsInfo: [{ ns }] }, "admin"],
    ["createUser", { createUser: "eve", pwd: "eve", roles: [{ role: "root", db: "admin" }] }],
    ["updateRole", { updateRole: "bulkhead-append-only", roles: [{ role: "readWrite", db: "bh_ledger" }] }],
    ["grantRoles", { grantRolesToUser: "ledger", roles: [{ role: "readWrite", db: "bh_ledger" }] }],
  ];

  it("may insert and find", async () => {
    const entries = (await as("ledger")).db("bh_ledger").collection<Document & { _id: number }>("entries");
    await entries.insertOne(entry(1) as Document & { _id: number });
    expect(await entries.countDocuments()).toBe(1);
  });

  it.each(forbidden)("is refused %s by the server itself", async (_name, command, db = "bh_ledger") => {
    const client = await as("ledger");
    await expect(client.db(db).command(command)).rejects.toSatisfy((error: { code: number }) =>
      [13, 59].includes(error.code),
    );
    expect(await client.db("bh_ledger").collection<Document & { _id: number }>("entries").findOne({ _id: 1 })).toEqual(
      entry(1),
    );
  });

  it("cannot get an invalid entry past the validator", async () => {
    const entries = (await as("ledger")).db("bh_ledger").collection<Document & { _id: number }>("entries");
    const invalid = { _id: 2, nonsense: true };
    await expect(entries.insertOne(invalid)).rejects.toMatchObject({ code: 121 });
    await expect(entries.insertOne(invalid, { bypassDocumentValidation: true })).rejects.toThrow();
    expect(await entries.countDocuments()).toBe(1);
  });

  verifies(
    ["AUD-12", "ZT-10"],
    "the ledger's user is proven append-only at start, and a wider role is named",
    async () => {
      {
        await using store = await connectStore({ url: database.url, ...accountOf("ledger") });
        await store.assertAppendOnly(DATABASES.ledger.entries);
        await store.checkIndexes(Object.values(DATABASES.ledger));
      }
      const wide = { ...planFor("ledger", { ...accountOf("ledger"), user: "wide" }), role: "own" as const };
      await provisionDatabases(database.admin, [wide]);
      await using store = await connectStore({ url: database.url, ...accountOf("ledger"), user: "wide" });
      await expect(store.assertAppendOnly(DATABASES.ledger.entries)).rejects.toThrow(/permits update/);
    },
  );
});

describe("every other service's user", () => {
  const foreignTo = (owner: string) =>
    OWNERS.filter((other) => other !== owner).map((other) => ({
      db: `bh_${other}`,
      collections: Object.keys(DATABASES[other]),
    }));

  verifies(["ZT-10", "CRED-05"], "is proven to reach its own collections and no other database", async () => {
    for (const owner of OWNERS) {
      await using store = await connectStore({ url: database.url, ...accountOf(owner) });
      await store.assertConfined(Object.values(DATABASES[owner]), foreignTo(owner));
    }
  });

  verifies(
    "ZT-10",
    "is named what it may do too much: in another database, in its own, or to its administrators",
    async () => {
      const admin = new MongoClient(database.url, {
        auth: { username: database.admin.user, password: database.admin.password },
        authSource: "admin",
      });
      clients.push(admin);
      const wide: [string, { role: string; db: string }][] = [
        ["find on bh_ledger.entries", { role: "read", db: "bh_ledger" }],
        ["on bh_memory.content", { role: "readWrite", db: "bh_memory" }],
        ["on bh_models", { role: "dbOwner", db: "bh_models" }],
        ["find on admin.system.users", { role: "read", db: "admin" }],
      ];
      for (const [what, extra] of wide) {
        const user = `models-${wide.findIndex(([one]) => one === what)}`;
        const roles = [{ role: "bulkhead-own", db: "bh_models" }, extra];
        await admin.db("bh_models").command({ createUser: user, pwd: "pw", roles });
        await using store = await connectStore({ url: database.url, db: "bh_models", user, password: "pw" });
        const proof = store.assertConfined(Object.values(DATABASES.models), foreignTo("models"));
        await expect(proof, what).rejects.toMatchObject({
          code: "config.invalid",
          message: expect.stringContaining(what) as string,
        });
      }
    },
  );

  const pairs = OWNERS.flatMap((owner) =>
    OWNERS.filter((other) => other !== owner).map((other) => [owner, other] as const),
  );

  it("CRED-05: reaches its own database only", async () => {
    for (const [owner, other] of pairs) {
      const client = await as(owner);
      for (const name of Object.keys(DATABASES[other])) {
        const foreign = client.db(`bh_${other}`).collection(name);
        await expect(foreign.findOne({}), `${owner} reads ${other}`).rejects.toMatchObject({ code: 13 });
        await expect(foreign.insertOne({}), `${owner} writes ${other}`).rejects.toMatchObject({ code: 13 });
      }
    }
  });

  it("cannot move or join its documents into another database, or change its own collections", async () => {
    const client = await as("tasks");
    const run = (command: Document, db = "bh_tasks") => client.db(db).command(command);
    const refused = { code: expect.toSatisfy((code: number) => [9, 13, 40415, 59].includes(code)) as unknown };
    const foreign = { db: "bh_ledger", coll: "entries" };
    const aggregate = (stage: Document) => run({ aggregate: "tasks", pipeline: [stage], cursor: {} });
    await expect(aggregate({ $out: foreign })).rejects.toMatchObject(refused);
    await expect(aggregate({ $merge: { into: foreign } })).rejects.toMatchObject(refused);
    await expect(aggregate({ $lookup: { from: foreign, pipeline: [], as: "x" } })).rejects.toMatchObject(refused);
    await expect(aggregate({ $unionWith: { ...foreign, pipeline: [] } })).rejects.toMatchObject(refused);
    await expect(run({ renameCollection: "bh_tasks.tasks", to: "bh_ledger.x" }, "admin")).rejects.toMatchObject(
      refused,
    );
    await expect(run({ drop: "tasks" })).rejects.toMatchObject(refused);
    await expect(run({ collMod: "tasks", validator: {} })).rejects.toMatchObject(refused);
    await expect(run({ dropIndexes: "tasks", index: "*" })).rejects.toMatchObject(refused);
  });

  it("is served nothing without its password", async () => {
    const client = new MongoClient(database.url);
    clients.push(client);
    await expect(client.db("bh_tasks").collection("tasks").findOne({})).rejects.toMatchObject({ code: 13 });
    const wrong = connectStore({ url: database.url, ...accountOf("tasks"), password: "wrong" });
    await expect(wrong).rejects.toMatchObject({ code: "forbidden" });
  });
});
