import { appendFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { digest, newId } from "@bulkhead/core";
import { DATABASES } from "@bulkhead/schemas";
import { connectStore } from "@bulkhead/store";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually } from "../harness/eventually.ts";
import { verifies } from "../verifies.ts";
import { QUICK, startWatchWorld, type WatchWorld } from "./watch-world.ts";

const DAY_MS = 86_400_000;
let dir: string;
let log: string;
let world: WatchWorld;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "bulkhead-watch-"));
  log = join(dir, "delivered.jsonl");
  await writeFile(log, "");
  const writes = { tools: ["notes-write"], windowMs: DAY_MS, per: "house" as const, max: 5, over: "ask" as const };
  world = await startWatchWorld({ limits: { writes }, outside: [{ toolset: "bank", kind: "jsonl", file: log }] });
  await world.record("gateway", "call.refused", { code: "args.invalid" });
  await sleep(QUICK.unsignedMs + 100);
}, 60_000);
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await rm(dir, { recursive: true });
});

const call = (tool = "notes-write") => {
  const task = newId("t");
  return { agent: "inbox", task, callId: `${task}.0.0`, tool };
};
/** A whole effect as it should be; what is left out is what is wrong. */
async function effect(one: ReturnType<typeof call>, without: readonly string[] = []): Promise<string> {
  const id = newId("e");
  const own = { ...one, tier: "AUTO+" as const, causes: [`task:${one.task}`, `call:${one.callId}`, `effect:${id}`] };
  const exec = one.tool === "bank-pay" ? "exec-bank" : "exec-local";
  if (!without.includes("signed")) await world.record("watchdog", "review.signed", own);
  await world.record(exec, "effect.intent", own);
  if (!without.includes("done")) await world.record(exec, "effect.done", own);
  return id;
}

describe("what a watchdog finds in the record, each reported once by two replicas", () => {
  verifies("PROP-15", "an effect as it should be, and one whose outcome nobody recorded", async () => {
    const [right, wrong] = [call(), call()];
    await effect(right);
    await effect(wrong, ["done"]);
    const reports = await world.reports(wrong.callId);
    expect(reports).toMatchObject([{ code: "anomaly.no-outcome", tool: "notes-write", agent: "inbox" }]);
    await sleep(500);
    expect(await world.reportsNow(wrong.callId)).toHaveLength(1);
    expect(await world.reportsNow(right.callId)).toEqual([]);
  });

  it("PROP-15: a proposal that was released and never came to an end", async () => {
    const proposal = newId("p");
    await world.record("proposals", "proposal.released", { ...call(), proposal });
    expect(await world.reports(proposal)).toMatchObject([{ code: "anomaly.stuck-proposal", proposal }]);
  });

  it("PROP-15: a task that asks for the same again and again", async () => {
    const task = newId("t");
    for (let step = 0; step < QUICK.loopCalls; step += 1) {
      const one = {
        agent: "inbox",
        task,
        tool: "notes-list",
        callId: `${task}.${step}.0`,
        digest: digest("about", task),
      };
      await world.record("gateway", "call.decided", { ...one, tier: "AUTO" });
    }
    expect(await world.reports(task)).toMatchObject([{ code: "anomaly.loop", count: QUICK.loopCalls }]);
    expect(await world.quarantined()).toEqual([]);
  });

  it("PROP-15: an order of tools that is new for an agent", async () => {
    const tasks = [newId("t"), newId("t"), newId("t")];
    for (const [index, task] of tasks.entries()) {
      for (const [step, tool] of ["notes-list", index === 2 ? "bank-pay" : "notes-write"].entries()) {
        const one = { agent: "inbox", task, tool, callId: `${task}.${step}.0`, tier: "AUTO" as const };
        await world.record("gateway", "call.decided", one);
      }
    }
    const found = (await world.reports(tasks[2] ?? "")).map(({ code, tool }) => `${code ?? ""} ${tool ?? ""}`);
    expect(found).toContain("anomaly.sequence bank-pay");
  });

  it("PROP-15: a service that beat, and fell silent without an end", async () => {
    const tasks = await world.bus("tasks");
    const beat = { revision: 0, stops: [], at: Date.now() };
    tasks.send("beat", { ...beat, instance: "tasks-00000001" });
    tasks.send("beat", { ...beat, instance: "tasks-00000002" });
    tasks.send("beat", { ...beat, instance: "tasks-00000002", ends: true });
    const silent = await eventually(async () => {
      const reply = await world.ana.request("queryLedger", { kind: "ledger.tail", after: 0, limit: 1_000 });
      const text = JSON.stringify(reply);
      return text.includes("anomaly.silent") ? text : undefined;
    });
    expect(silent).toContain("tasks-00000001");
    expect(silent).not.toContain("tasks-00000002");
  });

  it("PROP-15: nobody records for another: an outcome from a service that is no executor is none", async () => {
    const wrong = call();
    await effect(wrong, ["done"]);
    await world.record("tasks", "effect.done", wrong);
    expect(await world.reports(wrong.callId)).toMatchObject([{ code: "anomaly.no-outcome" }]);
  });
});

describe("limits", () => {
  it("TIER-06: a call that surely never ran gives its place back, one that ran keeps it", async () => {
    const { database, keys } = world.constellation;
    const { user, password } = keys.get("watchdog")?.mongo ?? { user: "", password: "" };
    await using store = await connectStore({ url: database.url, db: "bh_watchdog", user, password });
    const accounts = store.collection(DATABASES.watchdog.accounts);
    const [ran, never] = [call(), call()];
    const place = { amount: 1, at: Date.now(), until: Date.now() + 100 };
    const taken = [ran, never].map(({ callId }) => ({ callId, ...place }));
    await accounts.insert({ _id: "writes", version: 1, taken });
    await effect(ran);
    await sleep(QUICK.giveBackMs + 200);
    await effect(call());
    const kept = await eventually(async () => {
      const now = (await accounts.findOne({ _id: "writes" }))?.taken ?? [];
      return now.length === 1 ? now : undefined;
    });
    expect(kept).toMatchObject([{ callId: ran.callId, ran: true }]);
  });
});

describe("what somebody outside wrote down", () => {
  it("PROP-15: an effect that both know is reconciled, one that only the house knows is told", async () => {
    const [both, alone] = [call("bank-pay"), call("bank-pay")];
    const id = await effect(both);
    await appendFile(log, `${JSON.stringify({ effect: id, at: Date.now() })}\n`);
    await effect(alone);
    expect(await world.reports(id, "watchdog.reconciled")).toMatchObject([{ state: "bank", count: 1 }]);
    expect(await world.reports(alone.callId)).toMatchObject([{ code: "anomaly.outside-missing" }]);
    expect(await world.quarantined()).toEqual([]);
  });

  it("PROP-15: one that only the outside knows quarantines its tool set, and an unsigned effect does", async () => {
    const forged = newId("e");
    await appendFile(log, `${JSON.stringify({ effect: forged, at: Date.now() })}\n`);
    expect(await world.reports(forged)).toMatchObject([{ code: "anomaly.outside-unknown", state: "quarantined" }]);
    expect(await world.quarantined()).toEqual([{ kind: "toolset", name: "bank" }]);
    const wrong = call();
    await effect(wrong, ["signed"]);
    expect(await world.reports(wrong.callId)).toMatchObject([{ code: "anomaly.unsigned", state: "quarantined" }]);
    expect(await world.quarantined()).toEqual([
      { kind: "toolset", name: "bank" },
      { kind: "toolset", name: "local" },
    ]);
  });
});
