import { setTimeout as sleep } from "node:timers/promises";
import { sign, signingKey } from "@bulkhead/core";
import { actionDigest, loadPolicy, termsDigest, verifyApproval } from "@bulkhead/policy";
import { type Action, DATABASES } from "@bulkhead/schemas";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startWorld, type World } from "../decisions/world.ts";
import { eventually } from "../harness/eventually.ts";
import { verifies } from "../verifies.ts";
import { becomes, play, proposalStore } from "./play.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld();
  await eventually(async () => ((await world.ask("notes-write")).status === "done" ? true : undefined));
}, 60_000);
afterAll(() => world[Symbol.asyncDispose]());

test("a stale approval never applies to a newer call", async () => {
  const first = play(world, "mail-send", { text: "the same words" });
  const old = await first.proposal();
  await world.decide(world.ana, old, "cancel");
  await becomes(world, old.id, "cancelled");
  const second = play(world, "mail-send", { text: "the same words" });
  const newer = await second.proposal();
  expect(newer.id).not.toBe(old.id);
  await world.decide(world.ana, old, "approve");
  await world.decide(world.ana, { ...newer, terms: old.terms }, "approve");
  await sleep(800);
  expect((await world.proposal(newer.id)).state).toBe("pending");
  expect([...first.ran(), ...second.ran()]).toEqual([]);
});

test("declined never enters the tool body, also after a restart, and the agent hears why", async () => {
  const call = play(world, "mail-send");
  await world.decide(world.ana, await call.proposal(), "deny", "not our customer");
  expect(await call.ended()).toMatchObject({ code: "approval.denied", reason: "not our customer" });
  await eventually(() => Promise.resolve(world.woken.includes(`${call.task}.0.0`) || undefined));
  await Promise.all([world.services.proposals.kill(), world.services.gateway.kill()]);
  await Promise.all([world.constellation.start("proposals"), world.constellation.start("gateway")]);
  expect(await call.ended()).toMatchObject({ code: "approval.denied" });
  expect(call.ran()).toEqual([]);
});

test("a denied call cannot be revived by an approval, earlier or later", async () => {
  const call = play(world, "mail-send");
  const proposal = await call.proposal();
  await world.decide(world.ana, proposal, "deny");
  await becomes(world, proposal.id, "denied");
  await world.decide(world.cleo, proposal, "approve");
  await sleep(800);
  expect((await world.proposal(proposal.id)).state).toBe("denied");
  expect(call.ran()).toEqual([]);
});

test("a denial is no rule: the same action asked by another call is asked again", async () => {
  const [first, second] = [play(world, "mail-send", { text: "twice" }), play(world, "mail-send", { text: "twice" })];
  const denied = await first.proposal();
  await world.decide(world.ana, denied, "deny");
  await becomes(world, denied.id, "denied");
  expect((await second.proposal()).id).not.toBe(denied.id);
  expect((await play(world, "mail-send", { text: "twice " }).proposal()).id).not.toBe(denied.id);
});

verifies("PROP-10", "changed arguments are another proposal, decided anew, and exactly they run", async () => {
  const call = play(world, "mail-send", { text: "as the agent wrote it" });
  const old = await call.proposal();
  const args = { text: "as a person wrote it" };
  await world.decide(world.ana, old, "edit", "politer", args);
  const { successor } = await becomes(world, old.id, "edited");
  const edited = await world.proposal(successor ?? "");
  expect(edited).toMatchObject({ state: "pending", parent: old.id, action: { args } });
  expect(termsDigest(edited.terms)).not.toBe(termsDigest(old.terms));
  await world.decide(world.ana, old, "approve");
  await sleep(500);
  expect(call.ran()).toEqual([]);
  expect(await call.ended()).toMatchObject({ code: "approval.edited", reason: "politer" });
  await world.decide(world.ana, edited, "approve");
  await becomes(world, edited.id, "executed");
  expect(call.ran().map(({ action }) => action.args)).toEqual([args]);
});

test("arguments that do not fit the tool are no edit: the call as it was waits again", async () => {
  const call = play(world, "mail-send");
  const proposal = await call.proposal();
  await world.decide(world.ana, proposal, "edit", undefined, { text: 7 });
  const waits = await eventually(async () => {
    const { state, code } = await world.proposal(proposal.id);
    return state === "pending" && code !== undefined ? code : undefined;
  });
  expect(waits).toBe("args.invalid");
});

verifies("TIER-11", "two persons are two natural persons, and whoever submitted the task is none of them", async () => {
  const call = play(world, "both-send");
  const proposal = await call.proposal();
  expect(proposal.needed).toBe(2);
  for (const own of [world.ana, world.anaPhone]) await world.decide(own, proposal, "approve");
  await world.decide(world.cleo, proposal, "approve");
  const agreed = await eventually(async () => {
    const found = await world.proposal(proposal.id);
    return found.approvedBy.length > 0 ? found : undefined;
  });
  expect(agreed).toMatchObject({ state: "pending", approvedBy: ["operator-cleo"] });
  await world.decide(world.cleo, proposal, "approve", "again");
  await sleep(800);
  expect((await world.proposal(proposal.id)).state).toBe("pending");
  expect(call.ran()).toEqual([]);
});

test("no approval is none: zero approvers required means denied", () => {
  const { policy, keys } = world.constellation;
  const loaded = loadPolicy(policy, `sha256:${"1".repeat(64)}`);
  const action = { v: 1, ...{ agent: "inbox", principal: "operator-ana", task: "t", callId: "t.0.0" } } as const;
  const call = { ...action, tool: "mail-send", toolHash: loaded.tool("mail-send")?.hash ?? "", args: { text: "x" } };
  const asked = { ...call, policyEpoch: loaded.epoch };
  const about = { action: actionDigest(asked), tool: "mail-send", policyEpoch: loaded.epoch };
  const terms = {
    v: 1,
    id: "p-1",
    ...about,
    tier: "CONFIRM",
    mode: "ask",
    expiresAt: 9e15,
    nonce: "n".repeat(22),
  } as const;
  const judging = { now: Date.now(), revoked: new Set<string>() };
  expect(() => verifyApproval(loaded, { terms, decisions: [] }, asked, judging)).toThrow(/more persons/i);
  const key = signingKey(keys.get("operator-cleo")?.signingSeed ?? "");
  const said = { v: 1, proposal: "p-1", digest: termsDigest(terms), action: terms.action, outcome: "approve" };
  const decisions = [sign(key, "operator-cleo", "decision", said)];
  expect(verifyApproval(loaded, { terms, decisions }, asked, judging)).toMatchObject({ kind: "approved" });
  expect(() =>
    verifyApproval(loaded, { terms, decisions }, asked, { ...judging, revoked: new Set(["cleo"]) }),
  ).toThrow();
});

test("missing ≠ null ≠ a value, and order and form of values count in the digest", () => {
  const base = { v: 1, agent: "inbox", principal: "operator-ana", task: "t", callId: "t.0.0", tool: "x" } as const;
  const digestOf = (args: Action["args"]) =>
    actionDigest({ ...base, toolHash: `sha256:${"0".repeat(64)}`, policyEpoch: `sha256:${"0".repeat(64)}`, args });
  const forms = [{}, { a: null }, { a: "" }, { a: 0 }, { a: "0" }, { a: [1, 2] }, { a: [2, 1] }, { a: [] }, { a: {} }];
  expect(new Set(forms.map(digestOf)).size).toBe(forms.length);
  expect(digestOf({ a: 1, b: 2 })).toBe(digestOf({ b: 2, a: 1 }));
  expect(digestOf({ a: 1 })).toBe(digestOf({ a: 1.0 }));
});

test("nothing client-held forges an approval: hosts and services can publish none, and another's signature is none", async () => {
  const call = play(world, "mail-send");
  const proposal = await call.proposal();
  for (const name of ["host-inbox", "gateway", "proposals", "watchdog"]) {
    await using bus = await world.constellation.bus(name);
    const said = {
      v: 1 as const,
      proposal: proposal.id,
      digest: termsDigest(proposal.terms),
      action: proposal.terms.action,
      outcome: "approve" as const,
    };
    await expect(bus.publish("decision", said, { values: { operator: "ana" } })).rejects.toThrow();
  }
  await sleep(500);
  expect((await world.proposal(proposal.id)).state).toBe("pending");
  expect(call.ran()).toEqual([]);
});

test("a stored copy edited between showing and release is refused", async () => {
  const call = play(world, "mail-send", { text: "shown" });
  const proposal = await call.proposal();
  await using store = await proposalStore(world);
  const documents = store.collection(DATABASES.proposals.proposals);
  const stored = await documents.findOne({ _id: proposal.id });
  const action = { ...(stored?.action ?? proposal.action), args: { text: "swapped" } };
  await documents.compareAndSet({ _id: proposal.id }, { set: { action } });
  await world.decide(world.ana, proposal, "approve");
  expect(await becomes(world, proposal.id, "failed")).toMatchObject({ code: "approval.invalid" });
  expect(call.ran()).toEqual([]);
});

test("a stored copy whose terms were edited, too, was never seen by the watchdog, and no decision is over it", async () => {
  const call = play(world, "mail-send", { text: "shown" });
  const proposal = await call.proposal();
  await using store = await proposalStore(world);
  const documents = store.collection(DATABASES.proposals.proposals);
  const action = { ...proposal.action, args: { text: "swapped" } };
  const terms = { ...proposal.terms, action: actionDigest(action) };
  await documents.compareAndSet({ _id: proposal.id }, { set: { action, terms, digest: termsDigest(terms) } });
  await world.decide(world.ana, { ...proposal, terms }, "approve");
  expect(await becomes(world, proposal.id, "failed")).toMatchObject({ code: "review.unseen" });
  expect(call.ran()).toEqual([]);
});

test("a saved copy of a paused state, released again, runs nothing", async () => {
  const call = play(world, "mail-send");
  const proposal = await call.proposal();
  await world.decide(world.ana, proposal, "approve");
  await becomes(world, proposal.id, "executed");
  await using store = await proposalStore(world);
  const documents = store.collection(DATABASES.proposals.proposals);
  await documents.compareAndSet({ _id: proposal.id }, { set: { state: "released", updatedAt: 1 } });
  await becomes(world, proposal.id, "executed");
  expect(call.ran()).toHaveLength(1);
});

test("a task that has ended has nothing that waits, and what was withdrawn cannot be approved", async () => {
  const call = play(world, "mail-send");
  const proposal = await call.proposal();
  await using tasks = await world.constellation.bus("tasks");
  expect(await tasks.request("withdraw", { task: call.task })).toEqual({ withdrawn: 1 });
  await world.decide(world.ana, proposal, "approve");
  await sleep(500);
  expect((await world.proposal(proposal.id)).state).toBe("withdrawn");
  expect(call.ran()).toEqual([]);
});
