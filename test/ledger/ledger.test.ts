import type { Bus } from "@bulkhead/bus";
import { Verifier } from "@bulkhead/ledger";
import { type AuditEntry, DATABASES, type LedgerDocument, type LedgerEntry } from "@bulkhead/schemas";
import { type CollectionPort, connectStore } from "@bulkhead/store";
import { type Collection, MongoClient } from "mongodb";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { type Constellation, type RunningService, startConstellation } from "../harness/constellation.ts";
import { eventually } from "../harness/eventually.ts";
import { verifies } from "../verifies.ts";

const GRACE_MS = 400;

let world: Constellation;
let ledger: RunningService;
let gateway: Bus;
let watchdog: Bus;
let ana: Bus;
let admin: MongoClient;
let entries: Collection<{ _id: number; leaf: string; recordedAt: number }>;

beforeAll(async () => {
  world = await startConstellation({ identities: ["ledger", "gateway", "watchdog", "tasks", "operator-ana"] });
  ledger = await world.start("ledger", { gapGraceMs: GRACE_MS });
  [gateway, watchdog, ana] = await Promise.all([
    world.bus("gateway"),
    world.bus("watchdog"),
    world.bus("operator-ana"),
  ]);
  const { url, user, password } = world.database.admin;
  admin = await new MongoClient(url, { auth: { username: user, password }, authSource: "admin" }).connect();
  entries = admin.db("bh_ledger").collection("entries");
});

afterAll(async () => {
  await admin.close();
  await world[Symbol.asyncDispose]();
});

const entry = (instance: string, counter: number, more: Partial<AuditEntry> = {}): AuditEntry => ({
  v: 1,
  event: "call.decided",
  instance,
  counter,
  at: Date.now(),
  causes: [],
  ...more,
});

async function about(id: string, count = 1): Promise<LedgerEntry[]> {
  return eventually(async () => {
    const reply = await ana.request("queryLedger", { kind: "ledger.about", id, limit: 1_000 });
    return reply.kind === "ledger.about" && reply.entries.length >= count ? reply.entries : undefined;
  });
}

async function verify() {
  return eventually(async () => {
    const reply = await ana.request("queryLedger", { kind: "ledger.verify" });
    return reply.kind === "ledger.verify" ? reply : undefined;
  });
}

const bodyOf = ({ envelope }: LedgerEntry) => (envelope as { body: AuditEntry }).body;

describe("the ledger", () => {
  verifies(["AUD-03", "S6"], "sequences what is published, and finds it by what it names", async () => {
    const ids = { task: "t-1", callId: "t-1.0.0" };
    await gateway.publish("audit", entry("gateway-00000001", 1, ids));
    await watchdog.publish(
      "audit",
      entry("watchdog-00000001", 1, { event: "review.signed", causes: ["call:t-1.0.0"] }),
    );
    const found = await about("t-1.0.0", 2);
    expect(
      found
        .map(bodyOf)
        .map(({ event }) => event)
        .sort(),
    ).toEqual(["call.decided", "review.signed"]);
    expect((await about("task:t-1")).map(bodyOf)).toMatchObject([ids]);
    expect(await verify()).toMatchObject({ ok: true });
    const tail = await ana.request("queryLedger", { kind: "ledger.tail", after: 0, limit: 1_000 });
    expect(tail.kind === "ledger.tail" && tail.entries.map(({ seq }) => seq)).toEqual(
      Array.from({ length: tail.kind === "ledger.tail" ? tail.entries.length : 0 }, (_, n) => n + 1),
    );
  });

  verifies(
    "AUD-11",
    "has an entry once that was published twice, and refuses another one of the same count",
    async () => {
      const once = entry("gateway-00000002", 1, { task: "t-twice" });
      await gateway.publish("audit", once, { id: "m-twice" });
      await gateway.publish("audit", once, { id: "m-twice" });
      await gateway.publish("audit", entry("gateway-00000002", 1, { task: "t-other" }), { id: "m-other" });
      await gateway.publish("audit", entry("gateway-00000002", 2, { task: "t-twice" }));
      expect((await about("t-twice", 2)).map(bodyOf)).toMatchObject([{ counter: 1 }, { counter: 2 }]);
      const conflict = await eventually(async () => (await events("security.conflict"))[0]);
      expect(conflict).toMatchObject({ code: "envelope.replayed" });
      expect(await entries.countDocuments({ task: "t-other" })).toBe(0);
    },
  );

  verifies("ZT-02", "refuses an entry that counts in another's name, and says so", async () => {
    await gateway.publish("audit", entry("watchdog-00000001", 2, { task: "t-forged" }));
    const forged = await eventually(async () => (await events("security.forged"))[0]);
    expect(forged).toMatchObject({ code: "envelope.issuer" });
    expect(await entries.countDocuments({ "envelope.body.task": "t-forged" })).toBe(0);
  });

  verifies(
    "AUD-09",
    "records a gap in an instance's count, once, and no gap where entries overtake one another",
    async () => {
      for (const counter of [2, 1, 4, 3, 6]) await gateway.publish("audit", entry("gateway-00000003", counter));
      const [gap] = await about("entry:gateway-00000003:5");
      expect(gap && bodyOf(gap)).toMatchObject({ event: "ledger.gap", count: 5, code: "audit.gap" });
      await ledger.kill();
      ledger = await world.start("ledger", { gapGraceMs: GRACE_MS });
      await gateway.publish("audit", entry("gateway-00000003", 7));
      await about("entry:gateway-00000003:7");
      await new Promise((resolve) => setTimeout(resolve, 3 * GRACE_MS));
      expect((await events("ledger.gap")).map(({ count }) => count)).toEqual([5]);
    },
  );

  verifies(
    ["AUD-11", "S10"],
    "two writers and kill -9 lose and repeat nothing",
    async () => {
      const second = await world.start("ledger", { gapGraceMs: 60_000 });
      const total = 400;
      const publishing = (async () => {
        for (let n = 1; n <= total; n++)
          await gateway.publish("audit", entry("gateway-00000004", n, { task: "t-many" }));
      })();
      await eventually(async () => ((await entries.countDocuments({ task: "t-many" })) > 50 ? true : undefined));
      await second.kill();
      await publishing;
      const found = (await about("t-many", total)).map((one) => bodyOf(one).counter);
      expect(found.sort((a, b) => a - b)).toEqual(Array.from({ length: total }, (_, n) => n + 1));
      expect(await verify()).toMatchObject({ ok: true });
    },
    60_000,
  );

  verifies("S6", "takes no entry for a gap that the ledger appends between a walk's two reads of the end", async () => {
    const { mongo } = world.keys.get("ledger") ?? {};
    if (mongo === undefined) throw new Error("the ledger has no database user");
    await using store = await connectStore({ url: world.database.url, db: "bh_ledger", ...mongo });
    const own = store.collection(DATABASES.ledger.entries);
    let appended = 0;
    const raced: CollectionPort<LedgerDocument> = {
      ...own,
      count: async (filter) => {
        if (appended < 2) {
          await gateway.publish("audit", entry("gateway-00000005", (appended += 1)));
          await about(`entry:gateway-00000005:${appended}`);
        }
        return own.count(filter);
      },
    };
    const { trust } = world.policy;
    const verdict = await new Verifier(raced, (issuer) => trust[issuer]?.signing).walk();
    expect(verdict).toMatchObject({ ok: true, entries: await own.count({}) });
    expect(appended).toBe(2);
  });

  verifies("S6", "names the first entry that an administrator changed", async () => {
    const before = await verify();
    expect(before.ok).toBe(true);
    const change = { $set: { "envelope.body.task": "t-elsewhere" } } as never;
    await entries.updateOne({ _id: 7 }, change);
    expect(await verify()).toMatchObject({ ok: false, entries: 6, firstBad: 7 });
    await entries.deleteOne({ _id: 7 });
    expect(await verify()).toMatchObject({ ok: false, firstBad: 7 });
  });
});

async function events(event: string): Promise<AuditEntry[]> {
  const found = await entries.find({ event } as never).toArray();
  return found.map((one) => (one as unknown as { envelope: { body: AuditEntry } }).envelope.body);
}
