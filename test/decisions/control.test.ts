import { setTimeout as sleep } from "node:timers/promises";
import { isBulkheadError, newId, sign, signingKey } from "@bulkhead/core";
import type { ControlValue } from "@bulkhead/schemas";
import { afterAll, beforeAll, expect, it } from "vitest";
import { eventually } from "../harness/eventually.ts";
import { startWorld, type World } from "./world.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld({ approval: { timeoutMs: 3_000, onTimeout: "deny", maxPendingPerAgent: 2 } });
  await eventually(async () => ((await world.ask("notes-write")).status === "done" ? true : undefined));
}, 60_000);
afterAll(() => world[Symbol.asyncDispose]());

function signed(value: ControlValue, issuer = "operator-ana", at = Date.now()): string {
  const seed = world.constellation.keys.get(issuer)?.signingSeed ?? "";
  const clock = { now: () => at, monotonic: () => at };
  return JSON.stringify(sign(signingKey(seed), issuer, "control", value, { clock }));
}

async function put(key: string, bytes: string): Promise<void> {
  await world.ana.bucket("control").put(key, Buffer.from(bytes));
}

async function control(key: string, value: ControlValue): Promise<void> {
  await put(key, signed(value));
}

const codeOf = async (tool: string) => {
  try {
    const reply = await world.ask(tool);
    return reply.status === "refused" ? reply.code : reply.status;
  } catch (error) {
    return isBulkheadError(error) ? error.code : "";
  }
};
const becomes = (tool: string, code: string) =>
  eventually(async () => ((await codeOf(tool)) === code ? true : undefined), 2_000);

it("PROP-05: expires when nobody decides, and cannot be approved after that (ATT-017)", async () => {
  const task = newId("t");
  const ask = () => world.ask("mail-send", { task, args: { text: "late" } });
  const opened = await ask();
  if (opened.status !== "pending" || opened.proposal === undefined) throw new Error(JSON.stringify(opened));
  const proposal = await world.proposal(opened.proposal);
  const ended = await eventually(async () => {
    const reply = await ask();
    return reply.status === "pending" ? undefined : reply;
  });
  expect(ended).toMatchObject({ status: "refused", code: "approval.expired" });
  await world.decide(world.ana, proposal, "approve");
  await eventually(() => Promise.resolve(world.woken.includes(`${task}.0.0`) || undefined));
  expect(await world.proposal(proposal.id)).toMatchObject({ state: "expired" });
  expect(world.executed.filter(({ action }) => action.task === task)).toEqual([]);
});

it("PROP-12: bounds what waits for a person", async () => {
  const replies = [];
  for (const text of ["a", "b", "c"]) replies.push(await world.ask("mail-send", { args: { text } }));
  expect(replies.map(({ status }) => status)).toEqual(["pending", "pending", "refused"]);
  expect(replies[2]).toMatchObject({ code: "proposal.limit" });
});

it("a stop reaches the gateway within two seconds, and lifts when an operator says so (TIER-09)", async () => {
  const stop = { id: "s1", scope: { kind: "all" as const }, reason: "a test", at: Date.now() };
  await control("stop", { kind: "stop", stops: [stop], lifts: [] });
  await becomes("notes-write", "control.stopped");
  await control("stop", { kind: "stop", stops: [], lifts: ["s1"] });
  await becomes("notes-write", "done");
});

it("a heartbeat acknowledges a stop by its revision, and no other change", async () => {
  const beats = new Map<string, number>();
  world.ana.hear("beat", ({ body, values }) => beats.set(values["service"] ?? "", body.revision));
  const obeyed = (identity: string, revision: number) =>
    eventually(() => Promise.resolve((beats.get(identity) ?? -1) === revision || undefined), 5_000);
  const stop = { id: "s2", scope: { kind: "all" as const }, reason: "a test", at: Date.now() };
  const bucket = world.ana.bucket("control");
  const stopped = await bucket.put("stop", Buffer.from(signed({ kind: "stop", stops: [stop], lifts: [] })));
  await Promise.all(["gateway", "watchdog", "proposals"].map((identity) => obeyed(identity, stopped)));
  const lifted = await bucket.put("stop", Buffer.from(signed({ kind: "stop", stops: [], lifts: ["s2"] })));
  await obeyed("gateway", lifted);
  expect(lifted).toBeGreaterThan(stopped);
  await becomes("notes-write", "done");
});

it("observe mode decides and runs nothing", async () => {
  await control("mode", { kind: "mode", mode: "observe" });
  await becomes("notes-write", "mode.observe");
  expect(await codeOf("notes-read")).toBe("done");
  await control("mode", { kind: "mode", mode: "enforce" });
  await becomes("notes-write", "done");
});

const everything = { id: "s2", scope: { kind: "all" as const }, reason: "a test", at: Date.now() };
const resume: ControlValue = { kind: "stop", stops: [], lifts: ["s2"] };

it("a stop is lifted by nobody who only looks, by no older word, and by none that does not name it (S4)", async () => {
  const bob = world.bob.bucket("control");
  await expect(bob.put("stop", Buffer.from(signed(resume, "operator-bob")))).rejects.toMatchObject({
    code: "bus.permission",
  });
  const earlier = signed(resume);
  await sleep(10);
  await control("stop", { kind: "stop", stops: [everything], lifts: [] });
  await becomes("notes-write", "control.stopped");
  const narrowed = { ...everything, scope: { kind: "agent" as const, name: "finance" } };
  const attacks = [
    signed(resume, "operator-bob"),
    signed(resume, "watchdog"),
    signed(resume, "operator-ana", Date.now() - 60_000),
    earlier,
    signed({ kind: "stop", stops: [], lifts: [] }),
    signed({ kind: "stop", stops: [narrowed], lifts: [] }),
    "garbage",
  ];
  for (const attack of attacks) {
    await put("stop", attack);
    await sleep(300);
    expect(await codeOf("notes-write")).toBe("control.stopped");
  }
  await control("stop", resume);
  await becomes("notes-write", "done");
});

it("a value that cannot be verified refuses effects while it lasts, also for a service that starts only now (S4)", async () => {
  await put("stop", "garbage");
  await becomes("notes-write", "control.stale");
  expect(await codeOf("notes-read")).toBe("done");
  await world.services.gateway.kill();
  await world.constellation.start("gateway");
  await sleep(700);
  expect(await codeOf("notes-write")).toBe("control.stale");
  await control("stop", { kind: "stop", stops: [], lifts: [] });
  await becomes("notes-write", "done");
});
