import { setTimeout as sleep } from "node:timers/promises";
import { sign, signingKey } from "@bulkhead/core";
import { termsDigest } from "@bulkhead/policy";
import { DATABASES } from "@bulkhead/schemas";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CAPTURED, startWorld, WINDOW_MS, type World } from "../decisions/world.ts";
import { eventually } from "../harness/eventually.ts";
import { verifies } from "../verifies.ts";
import { becomes, play, proposalStore } from "./play.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld();
  await eventually(async () => ((await world.ask("notes-write")).status === "done" ? true : undefined));
}, 60_000);
afterAll(() => world[Symbol.asyncDispose]());

test("what is held runs when its window closes, not before, and once", async () => {
  const call = play(world, "later-hold");
  const opened = Date.now();
  const proposal = await call.proposal();
  expect(proposal).toMatchObject({ state: "holding", mode: "hold", tier: "PROPOSE" });
  expect(call.ran()).toEqual([]);
  await becomes(world, proposal.id, "executed");
  expect(Date.now() - opened).toBeGreaterThanOrEqual(WINDOW_MS);
  expect(call.ran()).toHaveLength(1);
  expect(await call.ended()).toMatchObject({ status: "done" });
});

test("what is cancelled while it is held never runs, and the agent hears why", async () => {
  const call = play(world, "later-hold");
  await world.decide(world.ana, await call.proposal(), "cancel", "changed our mind");
  expect(await call.ended()).toMatchObject({ code: "approval.cancelled", reason: "changed our mind" });
  await sleep(WINDOW_MS + 1_500);
  expect(call.ran()).toEqual([]);
});

test("S2: a cancel that proposals swallows still counts, since the watchdog heard it", async () => {
  const call = play(world, "later-hold");
  const proposal = await call.proposal();
  await world.decide(world.ana, proposal, "cancel");
  await becomes(world, proposal.id, "cancelled");
  await using store = await proposalStore(world);
  const documents = store.collection(DATABASES.proposals.proposals);
  await documents.compareAndSet({ _id: proposal.id }, { set: { state: "holding", dueAt: Date.now() + WINDOW_MS } });
  expect(await becomes(world, proposal.id, "failed")).toMatchObject({ code: "approval.cancelled" });
  expect(call.ran()).toEqual([]);
});

test("S2: what was cancelled runs under no other terms, whatever proposals makes of it", async () => {
  const call = play(world, "later-hold");
  const proposal = await call.proposal();
  await using store = await proposalStore(world);
  const stored = await store.collection(DATABASES.proposals.proposals).findOne({ _id: proposal.id });
  await world.decide(world.ana, proposal, "cancel");
  await becomes(world, proposal.id, "cancelled");
  await sleep(WINDOW_MS + 1_000);
  const { action, terms } = proposal;
  const fresh = { ...terms, id: "p-fresh", nonce: "x".repeat(22), expiresAt: terms.expiresAt };
  await using proposals = await world.constellation.bus("proposals");
  const approval = { terms: fresh, decisions: [] };
  const asked = { purpose: "run" as const, action, lease: stored?.lease ?? raise(), approval };
  expect(await proposals.request("release", asked)).toMatchObject({ status: "refused", code: "approval.cancelled" });
  expect(call.ran()).toEqual([]);
});

test("an agent cannot take the id under which its call would be undone, nor that of an edited one", async () => {
  const call = play(world, "now-undo");
  await call.ended();
  await using host = await world.constellation.bus("host-inbox");
  const [proposal] = await listed("window", call.task);
  await using store = await proposalStore(world);
  const stored = await store.collection(DATABASES.proposals.proposals).findOne({ _id: proposal?.id ?? "" });
  const about = { task: call.task, agent: "inbox", tool: "notes-write", args: { text: "x" } };
  for (const callId of [`${call.task}.0.0u`, `${call.task}.0.0e1`]) {
    const body = { ...about, callId, lease: stored?.lease ?? raise() };
    const values = { tool: "notes-write" };
    expect(await host.request("call", body, { values })).toMatchObject({ status: "refused", code: "call.conflict" });
  }
});

function raise(): never {
  throw new Error("nothing is stored");
}

test("S2: proposals, taken over, cannot close a window early: the watchdog counts it itself", async () => {
  const call = play(world, "later-hold");
  const proposal = await call.proposal();
  await using store = await proposalStore(world);
  const documents = store.collection(DATABASES.proposals.proposals);
  await documents.compareAndSet({ _id: proposal.id }, { set: { state: "released", updatedAt: 1 } });
  await sleep(WINDOW_MS - 1_200);
  expect(call.ran()).toEqual([]);
  await becomes(world, proposal.id, "executed");
});

verifies(
  "PROP-18",
  "a window counts only time in which somebody could act: while the watchdog is down it stays open",
  async () => {
    const call = play(world, "later-hold");
    const opened = Date.now();
    const proposal = await call.proposal();
    await world.services.watchdog.kill();
    await sleep(WINDOW_MS + 2_000);
    expect((await world.proposal(proposal.id)).state).toBe("holding");
    await world.constellation.start("watchdog");
    const down = Date.now() - opened - 1_000;
    await becomes(world, proposal.id, "executed");
    expect(Date.now() - opened).toBeGreaterThan(down + WINDOW_MS - 2_000);
    expect(call.ran()).toHaveLength(1);
  },
);

verifies(
  "TIER-08",
  "what has a way back runs at once, and is undone within its window with what was captured before",
  async () => {
    const call = play(world, "now-undo");
    expect(await call.ended()).toMatchObject({ status: "done" });
    expect(await call.ended()).not.toHaveProperty("undo");
    const [proposal] = await listed("window", call.task);
    expect(proposal).toMatchObject({ mode: "compensate", undo: CAPTURED });
    if (proposal === undefined) return;
    await world.decide(world.ana, proposal, "undo", "wrong");
    await becomes(world, proposal.id, "undone");
    const [first, undo, ...more] = call.ran();
    expect(more).toEqual([]);
    const about = { agent: "operator-ana", principal: "operator-ana", undoes: first?.action.callId };
    expect(undo?.action).toMatchObject({ ...about, ...CAPTURED, callId: `${first?.action.callId ?? ""}u` });
  },
);

test("ATT-021: what is undone is not undone again, nor after its window", async () => {
  const call = play(world, "now-undo");
  await call.ended();
  const [proposal] = await listed("window", call.task);
  if (proposal === undefined) throw new Error("no window");
  await becomes(world, proposal.id, "executed");
  await world.decide(world.ana, proposal, "undo");
  await sleep(800);
  expect((await world.proposal(proposal.id)).state).toBe("executed");
  expect(call.ran()).toHaveLength(1);
});

test("an undo that no operator signed is none, whatever proposals asks for", async () => {
  const call = play(world, "now-undo");
  await call.ended();
  const [proposal] = await listed("window", call.task);
  if (proposal === undefined) throw new Error("no window");
  const { action: original, terms } = proposal;
  const { constellation } = world;
  const said = { v: 1, proposal: terms.id, digest: termsDigest(terms), action: terms.action, outcome: "undo" };
  const forge = (issuer: string, by = issuer) =>
    sign(signingKey(constellation.keys.get(by)?.signingSeed ?? ""), issuer, "decision", said);
  const toolHash = constellation.policy.tools["notes-write"]?.hash ?? "";
  const inverse = { ...original, ...CAPTURED, toolHash, undoes: original.callId, callId: `${original.callId}u` };
  await using proposals = await constellation.bus("proposals");
  await using store = await proposalStore(world);
  const stored = await store.collection(DATABASES.proposals.proposals).findOne({ _id: proposal.id });
  const lease = stored?.lease;
  if (lease === undefined) throw new Error("no lease");
  for (const decision of [forge("operator-bob"), forge("proposals"), forge("operator-ana", "proposals")]) {
    const action = { ...inverse, agent: "operator-ana", principal: "operator-ana" };
    const approval = { terms, decisions: [decision] };
    const asked = proposals.request("release", { purpose: "undo", action, original, lease, approval });
    await expect(asked).rejects.toMatchObject({ code: "approval.invalid" });
  }
  const approval = { terms, decisions: [forge("operator-ana")] };
  const action = { ...inverse, agent: "operator-ana", principal: "operator-ana" };
  const unheard = await proposals.request("release", { purpose: "undo", action, original, lease, approval });
  expect(unheard).toMatchObject({ status: "pending" });
  expect(call.ran()).toHaveLength(1);
});

test("a policy that changes while a call waits decides it again", async () => {
  const call = play(world, "mail-send");
  const proposal = await call.proposal();
  const { agents } = world.constellation.policy;
  const inbox = agents["inbox"];
  if (inbox === undefined) throw new Error("no inbox");
  const tools = { ...inbox.tools, "mail-send": { tier: "BLOCK" as const } };
  await world.constellation.resign({ agents: { inbox: { ...inbox, tools } } });
  await Promise.all([world.services.proposals.kill(), world.services.gateway.kill()]);
  await Promise.all([world.constellation.start("proposals"), world.constellation.start("gateway")]);
  expect(await becomes(world, proposal.id, "superseded")).toMatchObject({ code: "policy.epoch" });
  await world.decide(world.ana, proposal, "approve");
  expect(await call.ended()).toMatchObject({ status: "refused", code: "tier.block" });
  expect(call.ran()).toEqual([]);
});

async function listed(state: "window" | "undone", task: string) {
  return await eventually(async () => {
    const reply = await world.ana.request("queryProposals", { kind: "proposals.list", state, limit: 100 });
    if (reply.kind !== "proposals.list") return undefined;
    const found = reply.proposals.filter(({ action }) => action.task === task);
    return found.length > 0 ? found : undefined;
  });
}
