import { collection } from "@bulkhead/schemas";
import { connectStore, gte, lt, oneOf, provisionDatabases, type Store, startDatabase } from "@bulkhead/store";
import { MongoClient } from "mongodb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { type TestDatabase, testDatabase } from "../harness/database.ts";

const things = collection(
  "things",
  z.strictObject({
    _id: z.string(),
    n: z.int(),
    key: z.string().optional(),
    tags: z.array(z.string()),
    nested: z.record(z.string(), z.unknown()).optional(),
    expires: z.date().optional(),
  }),
  [
    { keys: { key: 1 }, unique: true, partial: { key: { $exists: true } } },
    { keys: { n: 1, tags: -1 } },
    { keys: { expires: 1 }, ttlSeconds: 0 },
  ],
);
const plan = { db: "bh_things", user: "things", password: "pw", role: "own" as const, collections: [things] };

let database: TestDatabase;
let store: Store;

beforeAll(async () => {
  database = await testDatabase();
  await provisionDatabases(database.admin, [plan]);
  store = await connectStore({ url: database.url, ...plan });
});

afterAll(async () => {
  await store[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

describe("a collection", () => {
  it("keeps what is inserted, and reports the unique key that is taken", async () => {
    const port = store.collection(things);
    expect(await port.insert({ _id: "a", n: 1, key: "k", tags: ["x"] })).toEqual({ ok: true });
    expect(await port.insert({ _id: "a", n: 2, tags: [] })).toEqual({ ok: false, conflict: ["_id"] });
    expect(await port.insert({ _id: "b", n: 2, key: "k", tags: [] })).toEqual({ ok: false, conflict: ["key"] });
    expect(await port.findOne({ _id: "a" })).toEqual({ _id: "a", n: 1, key: "k", tags: ["x"] });
    expect(await port.findOne({ _id: "none" })).toBeUndefined();
  });

  it("inserts a batch in order, up to the first conflict", async () => {
    const port = store.collection(things);
    const batch = ["c", "d", "a", "e"].map((_id, n) => ({ _id, n: n + 10, tags: [] }));
    expect(await port.insertAll(batch)).toEqual({ inserted: 2, conflict: ["_id"] });
    const second = { _id: "f", n: 1, key: "k", tags: [] };
    expect(await port.insertAll([second])).toEqual({ inserted: 0, conflict: ["key"] });
    expect((await port.find({ n: gte(10) }, { sort: { n: -1 } })).map(({ _id }) => _id)).toEqual(["d", "c"]);
    expect(await port.count([{ _id: "c" }, { n: 1 }])).toBe(2);
    expect(await port.count({ _id: oneOf(["c", "d", "z"]), n: lt(11) })).toBe(1);
  });

  it("changes one document only while it is as expected", async () => {
    const port = store.collection(things);
    await port.insert({ _id: "cas", n: 0, tags: [] });
    const attempts = Array.from({ length: 8 }, () =>
      port.compareAndSet({ _id: "cas", n: 0 }, { set: { tags: ["won"] }, inc: { n: 1 } }),
    );
    expect((await Promise.all(attempts)).filter(Boolean)).toHaveLength(1);
    expect(await port.compareAndSet({ _id: "cas" }, { addToSet: { tags: "more" }, set: { key: "cas" } })).toBe(true);
    expect(await port.findOne({ tags: "more" })).toEqual({ _id: "cas", n: 1, key: "cas", tags: ["won", "more"] });
    await expect(port.compareAndSet({ _id: "c" }, { set: { key: "cas" } })).rejects.toMatchObject({
      code: "store.conflict",
    });
    expect(await port.compareAndSet({ _id: "cas" }, { unset: ["key"], pull: { tags: "won" } })).toBe(true);
  });

  it("takes no operator from a value (ATT-060)", async () => {
    const port = store.collection(things);
    const injected = { $ne: null } as unknown as string;
    await expect(port.findOne({ _id: injected })).rejects.toMatchObject({ code: "schema.invalid" });
    await expect(port.findOne({ ["$where" as "_id"]: "true" })).rejects.toMatchObject({ code: "schema.invalid" });
    for (const nested of [{ $set: 1 }, { "a.b": 1 }, { "a\0": 1 }, { deep: [{ $ne: 1 }] }]) {
      await expect(port.insert({ _id: "bad", n: 1, tags: [], nested })).rejects.toMatchObject({
        code: "schema.invalid",
      });
      await expect(port.compareAndSet({ _id: "a" }, { set: { nested } })).rejects.toMatchObject({
        code: "schema.invalid",
      });
    }
    await expect(port.insert({ _id: "bad", n: 1, tags: [], extra: 1 } as never)).rejects.toMatchObject({
      code: "store.document",
    });
    expect(await port.count({ _id: "bad" })).toBe(0);
  });
});

async function asAdmin<T>(run: (client: MongoClient) => Promise<T>): Promise<T> {
  const { user, password, url } = database.admin;
  const client = new MongoClient(url, { auth: { username: user, password }, authSource: "admin" });
  try {
    return await run(client);
  } finally {
    await client.close();
  }
}

describe("the ground", () => {
  it("refuses an extra, a different and a missing index by name", async () => {
    const native = (client: MongoClient) => client.db("bh_things").collection("things");
    await store.checkIndexes([things]);
    await asAdmin((client) => native(client).createIndex({ tags: 1 }, { expireAfterSeconds: 1 }, {}));
    await expect(store.checkIndexes([things])).rejects.toThrow(/tags_1 of things is not in the contract/);
    await asAdmin((client) => native(client).dropIndex("tags_1"));
    await asAdmin((client) => native(client).dropIndex("key_1"));
    await expect(store.checkIndexes([things])).rejects.toThrow(/key_1 of things is missing/);
    await asAdmin((client) => native(client).createIndex({ key: 1 }, { name: "key_1" }, {}));
    await expect(store.checkIndexes([things])).rejects.toThrow(/key_1 of things is different/);
    await asAdmin((client) => native(client).dropIndex("key_1"));
    await provisionDatabases(database.admin, [plan]);
    await store.checkIndexes([things]);
  });

  it("can be provisioned again, with a new password", async () => {
    await provisionDatabases(database.admin, [{ ...plan, password: "new" }]);
    await expect(connectStore({ url: database.url, ...plan })).rejects.toMatchObject({ code: "forbidden" });
    await using again = await connectStore({ url: database.url, ...plan, password: "new" });
    await again.ping();
  });

  it("refuses plaintext outside loopback", async () => {
    const config = { ...plan, url: "mongodb://db.example:27017/" };
    await expect(connectStore(config)).rejects.toMatchObject({ code: "config.invalid" });
    await expect(connectStore({ ...config, url: "mongodb://127.0.0.1:1,db.example/" })).rejects.toMatchObject({
      code: "config.invalid",
    });
  });

  it("refuses to read a document that another writer made wrong", async () => {
    const raw = { _id: "wrong", n: "text" } as never;
    await asAdmin((client) => client.db("bh_things").command({ collMod: "things", validationLevel: "off" }));
    await asAdmin((client) => client.db("bh_things").collection("things").insertOne(raw));
    await expect(store.collection(things).findOne({ _id: "wrong" })).rejects.toMatchObject({ code: "store.document" });
  });

  it("loses no acknowledged write to kill -9 (S10)", async () => {
    const acknowledged: string[] = [];
    await using own = await testDatabase();
    await provisionDatabases(own.admin, [plan]);
    const writer = await connectStore({ url: own.url, ...plan });
    const writing = (async () => {
      for (let n = 0; n < 10_000; n++) {
        await writer.collection(things).insert({ _id: `w${n}`, n, tags: [] });
        acknowledged.push(`w${n}`);
      }
    })().catch((error: unknown) => error);
    while (acknowledged.length < 150) await new Promise((resolve) => setTimeout(resolve, 5));
    await own.kill();
    expect(await writing).toMatchObject({ code: "store.unavailable" });
    await writer[Symbol.asyncDispose]();
    await using again = await startDatabase({ bin: own.bin, dir: own.dir });
    await using reader = await connectStore({ url: again.url, ...plan });
    const kept = new Set((await reader.collection(things).find({}, { limit: 20_000 })).map(({ _id }) => _id));
    expect(acknowledged.filter((id) => !kept.has(id))).toEqual([]);
  });
});
