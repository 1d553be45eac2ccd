import { newId, sign, signingKey } from "@bulkhead/core";
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

async function control(key: string, value: ControlValue): Promise<void> {
  const seed = world.constellation.keys.get("operator-ana")?.signingSeed ?? "";
  const envelope = sign(signingKey(seed), "operator-ana", "control", value);
  await world.ana.bucket("control").put(key, Buffer.from(JSON.stringify(envelope)));
}

const codeOf = async (tool: string) => {
  const reply = await world.ask(tool);
  return reply.status === "refused" ? reply.code : reply.status;
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

it("observe mode decides and runs nothing", async () => {
  await control("mode", { kind: "mode", mode: "observe" });
  await becomes("notes-write", "mode.observe");
  expect(await codeOf("notes-read")).toBe("done");
  await control("mode", { kind: "mode", mode: "enforce" });
  await becomes("notes-write", "done");
});
