import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { open } from "@bulkhead/core";
import { BudgetDocument, ModelCallDocument, type ModelReply, type SpendView } from "@bulkhead/schemas";
import { MongoClient } from "mongodb";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { RunningService } from "../harness/constellation.ts";
import { eventually } from "../harness/eventually.ts";
import { verifies } from "../verifies.ts";
import { type ModelsWorld, startModelsWorld } from "./world.ts";

let world: ModelsWorld;
let mongo: MongoClient;
const replicas: RunningService[] = [];

beforeAll(async () => {
  world = await startModelsWorld();
  replicas.push(await world.start(), await world.start());
  const { url, admin } = world.constellation.database;
  mongo = await new MongoClient(url, {
    auth: { username: admin.user, password: admin.password },
    authSource: "admin",
  }).connect();
  await eventually(async () => (await world.ask("inbox")).status === "done" || undefined);
});

afterAll(async () => {
  await mongo.close();
  await world[Symbol.asyncDispose]();
});

const db = () => mongo.db("bh_models");
const callOf = async (id: string) =>
  ModelCallDocument.parse(
    await db()
      .collection("calls")
      .findOne({ _id: id as never }),
  );
const accountOf = async (agent: string) => BudgetDocument.parse(await db().collection("budgets").findOne({ agent }));
const id = (task: string) => `${task}.0.m`;

async function spend(): Promise<SpendView> {
  const reply = await (await world.bus("operator-ana")).request("queryModels", { kind: "models.spend" });
  return reply.kind === "models.spend" ? reply.spend : expect.fail(reply.kind);
}

function done(reply: ModelReply): Extract<ModelReply, { status: "done" }> {
  return reply.status === "done" ? reply : expect.fail(JSON.stringify(reply));
}

verifies(
  "S7",
  "a call is reserved at its worst, settled at what it was, and attributed to agent, model and day",
  async () => {
    const before = await spend();
    const reply = done(await world.ask("inbox", { task: "t-settled" }));
    expect(reply.answer.toolCalls).toMatchObject([{ name: "notes-list", args: {} }]);
    const call = await callOf(id("t-settled"));
    expect(call.state).toBe("settled");
    expect(call.costMicros).toBe(reply.costMicros);
    expect(call.reservedMicros).toBeGreaterThan(call.costMicros);
    const after = await spend();
    expect(after.spentMicros - before.spentMicros).toBe(reply.costMicros);
    expect(after.byAgent["inbox"]?.reservedMicros).toBe(0);
    expect(after.byModel["rehearsal"]?.calls).toBeGreaterThan(0);
  },
);

test("spend is told by task: what each cost, what it holds, in how many calls, dearest first", async () => {
  const task = "t-by-task";
  const costs = [];
  for (const step of [0, 1]) costs.push(done(await world.ask("inbox", { task, id: `${task}.${step}.m` })).costMicros);
  await world.once("slow", { task: "t-by-task-slow" });
  const { byTask } = await spend();
  const [whole, held] = [task, "t-by-task-slow"].map((name) => byTask.find((one) => one.task === name));
  const spentMicros = costs.reduce((sum, cost) => sum + cost, 0);
  expect(whole).toMatchObject({ agent: "inbox", spentMicros, reservedMicros: 0, calls: 2 });
  const { reservedMicros } = await callOf(id("t-by-task-slow"));
  expect(held).toMatchObject({ agent: "slow", spentMicros: 0, reservedMicros, calls: 1 });
  const totals = byTask.map((one) => one.spentMicros + one.reservedMicros);
  expect(totals).toEqual([...totals].sort((a, b) => b - a));
});

verifies("S10", "a repeated id gets the recorded reply and is not paid twice, also from another replica", async () => {
  const asked = { task: "t-repeat" };
  const first = done(await world.ask("inbox", asked));
  const again = await Promise.all(Array.from({ length: 8 }, () => world.ask("inbox", asked)));
  for (const reply of again) expect(done(reply)).toEqual(first);
  expect((await callOf(id("t-repeat"))).costMicros).toBe(first.costMicros);
});

test("the same id with another request is a conflict", async () => {
  done(await world.ask("inbox", { task: "t-conflict" }));
  const other = await world.ask("inbox", { task: "t-conflict", messages: [{ role: "user", text: "Something else." }] });
  expect(other).toMatchObject({ status: "refused", code: "call.conflict" });
});

verifies(["COST-01", "COST-02"], "fifty parallel calls on two replicas never hold more than the cap", async () => {
  const replies = await Promise.all(Array.from({ length: 50 }, () => world.ask("poor")));
  const refused = replies.filter((reply) => reply.status === "refused");
  expect(new Set(refused.map(({ code }) => code))).toEqual(new Set(["budget.exhausted"]));
  const paid = replies.reduce((sum, reply) => sum + (reply.status === "done" ? reply.costMicros : 0), 0);
  const account = await accountOf("poor");
  expect(account.spentMicros).toBe(paid);
  expect(account.heldMicros).toBe(paid);
  expect(account.heldMicros).toBeLessThanOrEqual(account.capMicros);
  expect(refused.length).toBeGreaterThan(0);
});

test("the agent's account stands in control, signed by models", async () => {
  const bucket = (await world.bus("tasks")).bucket("control");
  const trust = world.constellation.policy.trust;
  const body = await eventually(async () => {
    const entry = await bucket.get("budget-poor");
    const envelope: unknown = entry && JSON.parse(new TextDecoder().decode(entry.data));
    const opened = open(envelope, {
      type: "control",
      keyOf: (issuer) => (issuer === "models" ? trust[issuer]?.signing : undefined),
    });
    const value = opened.body as { spentMicros: number };
    return value.spentMicros === (await accountOf("poor")).spentMicros ? value : undefined;
  });
  expect(body).toMatchObject({ kind: "budget", agent: "poor", capMicros: 30_000 });
});

verifies("S7", "a provider that reports nothing is charged for what was counted", async () => {
  const reply = done(await world.ask("lies-usage"));
  expect(reply.usage.inputTokens).toBeGreaterThan(20);
  expect(reply.costMicros).toBeGreaterThan(0);
});

test.each([
  ["nonsense", "text"],
  ["invalid-json", "bad-arguments"],
  ["unknown-tool", "unknown-call"],
] as const)("a model of kind %s gives an answer that is handed on as it is", async (agent, kind) => {
  const { answer } = done(await world.ask(agent));
  const [call] = answer.toolCalls;
  if (kind === "text") expect(answer.text).toContain("wibble");
  else if (kind === "bad-arguments")
    expect(call).toMatchObject({ name: "notes-list", args: null, raw: expect.stringContaining("oops") as string });
  else expect(call).toMatchObject({ name: "launch-rockets", args: {} });
});

test.each([
  ["empty", "model.malformed"],
  ["garbage", "model.malformed"],
] as const)("a model of kind %s is refused for good as %s, and paid in full once", async (agent, code) => {
  const task = `t-${agent}`;
  expect(await world.ask(agent, { task })).toMatchObject({ status: "refused", code });
  const { costMicros, reservedMicros } = await callOf(id(task));
  expect(costMicros).toBe(reservedMicros);
  expect(await world.ask(agent, { task })).toMatchObject({ status: "refused", code });
  expect((await callOf(id(task))).costMicros).toBe(costMicros);
});

test("a provider's refusal costs nothing", async () => {
  expect(await world.ask("refuses", { task: "t-refuses" })).toMatchObject({ status: "refused", code: "model.refused" });
  expect((await callOf(id("t-refuses"))).costMicros).toBe(0);
  expect((await accountOf("refuses")).heldMicros).toBe(0);
});

test("an unreachable model says so, costs nothing, and may be asked again under the same id", async () => {
  for (let attempt = 0; attempt < 2; attempt++)
    await expect(world.ask("gone", { task: "t-gone" })).rejects.toMatchObject({ code: "model.unreachable" });
  expect((await accountOf("gone")).heldMicros).toBe(0);
});

verifies("S7", "an answer that breaks off is paid in full, each time", async () => {
  for (const attempt of [1, 2]) {
    await expect(world.ask("cut", { task: "t-cut" })).rejects.toMatchObject({ code: "model.unreachable" });
    const call = await callOf(id("t-cut"));
    expect(call.costMicros).toBe(attempt * call.reservedMicros);
  }
});

test("no caller waits: a slow model is pending, then done under the same id", async () => {
  const asked = { task: "t-slow" };
  const started = performance.now();
  expect(await world.once("slow", asked)).toEqual({ status: "pending" });
  expect(performance.now() - started).toBeLessThan(2_000);
  expect(done(await world.ask("slow", asked)).costMicros).toBeGreaterThan(0);
});

test("tools, lease and id are checked", async () => {
  expect(await world.ask("inbox", { tools: ["mail-send"] })).toMatchObject({ code: "tool.undeclared" });
  const stolen = world.request("slow", { task: "t-lease" }).lease;
  expect(await world.ask("inbox", { task: "t-lease", lease: stolen })).toMatchObject({ code: "lease.invalid" });
  expect(await world.ask("inbox", { task: "t-id", id: "t-other.0.m" })).toMatchObject({ code: "lease.invalid" });
  expect(await world.ask("inbox", { task: "t-id", id: "t-id.0.0" })).toMatchObject({ code: "schema.invalid" });
  await expect(
    (await world.bus("host-slow")).request("model", world.request("inbox"), { values: { agent: "inbox" } }),
  ).rejects.toThrow();
});

test("a stop, a quarantine and a stale beat refuse the call", async () => {
  const stop = { id: "s-1", scope: { kind: "agent" as const, name: "inbox" }, reason: "test", at: Date.now() };
  await world.control("stop", "operator-ana", { kind: "stop", stops: [stop], lifts: [] });
  await eventually(
    async () => ((await world.ask("inbox")) as { code?: string }).code === "control.stopped" || undefined,
  );
  await world.control("stop", "operator-ana", { kind: "stop", stops: [], lifts: ["s-1"] });
  await eventually(async () => (await world.ask("inbox")).status === "done" || undefined);
  world.beating = false;
  await sleep(2_500);
  await expect(world.ask("inbox")).rejects.toMatchObject({ code: "control.stale" });
  world.beating = true;
  await eventually(async () => (await world.ask("inbox")).status === "done" || undefined);
});

verifies(
  ["S7", "S10"],
  "kill -9 in the middle of a call: it counts in full, and another replica makes it again",
  async () => {
    const before = await accountOf("slow");
    const task = "t-killed";
    expect(await world.once("slow", { task })).toEqual({ status: "pending" });
    const { owner } = await callOf(id(task));
    await replicas.find(({ instance }) => instance === owner)?.kill();
    const reply = await eventually(async () => done(await world.ask("slow", { task })), 60_000);
    const call = await callOf(id(task));
    expect(call.owner).not.toBe(owner);
    expect(reply.costMicros).toBeGreaterThan(call.reservedMicros);
    const after = await accountOf("slow");
    expect(after.spentMicros - before.spentMicros).toBe(reply.costMicros);
    expect(after.heldMicros).toBe(after.spentMicros);
  },
  90_000,
);

verifies(
  "CRED-01",
  "a key file that others can read is refused, and the key is in no document and no log",
  async () => {
    const file = join(world.settings.credentialsDir, "provider");
    await chmod(file, 0o644);
    await expect(world.start()).rejects.toThrow(/chmod 600/);
    await chmod(file, 0o600);
    await writeFile(file, "sk-canary-0123456789\n");
    const stored = JSON.stringify([
      await db().collection("calls").find().toArray(),
      await db().collection("budgets").find().toArray(),
    ]);
    expect(stored).not.toContain("sk-canary");
  },
);
