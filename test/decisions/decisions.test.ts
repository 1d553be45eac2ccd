import { newId } from "@bulkhead/core";
import { loadPolicy, openGrants, verifyApproval } from "@bulkhead/policy";
import { type CallReply, DATABASES } from "@bulkhead/schemas";
import { connectStore } from "@bulkhead/store";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually } from "../harness/eventually.ts";
import { type ExecRequest, startWorld, type World } from "./world.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld();
  await eventually(async () => ((await world.ask("notes-write")).status === "done" ? true : undefined));
}, 60_000);
afterAll(() => world[Symbol.asyncDispose]());

const sentFor = (task: string): ExecRequest[] => world.executed.filter(({ action }) => action.task === task);
const settled = (ask: () => Promise<CallReply>) =>
  eventually(async () => {
    const reply = await ask();
    return reply.status === "pending" ? undefined : reply;
  });

function signersOf(request: ExecRequest): string[] {
  const policy = loadPolicy(world.constellation.policy, request.action.policyEpoch);
  const { issuers } = openGrants(policy, request.grants, request.action, Date.now());
  const judging = { now: Date.now(), revoked: new Set<string>() };
  const permission = request.approval && verifyApproval(policy, request.approval, request.action, judging);
  return [...issuers, ...(permission?.kind === "approved" ? permission.operators : [])];
}

async function pendingProposal(ask: () => Promise<CallReply>): Promise<string> {
  const reply = await ask();
  if (reply.status !== "pending" || reply.proposal === undefined) throw new Error(JSON.stringify(reply));
  return reply.proposal;
}

async function proposalStore() {
  const { database, keys } = world.constellation;
  const { user, password } = keys.get("proposals")?.mongo ?? { user: "", password: "" };
  return await connectStore({ url: database.url, db: "bh_proposals", user, password });
}

describe("one tail for every tier", () => {
  it("AUTO: a read needs the gateway's signature", async () => {
    const task = newId("t");
    expect(await world.ask("notes-read", { task })).toMatchObject({ status: "done" });
    expect(sentFor(task).map(signersOf)).toEqual([["gateway"]]);
  });

  it("S1, S2, ZT-01: an AUTO+ effect needs both signatures, over the same bytes", async () => {
    const task = newId("t");
    expect(await world.ask("notes-write", { task })).toMatchObject({ status: "done" });
    expect(sentFor(task).map(signersOf)).toEqual([["gateway", "watchdog"]]);
  });

  it("S3, PROP-04, PROP-11: a CONFIRM call is decided by a person, and runs once", async () => {
    const task = newId("t");
    const ask = () => world.ask("mail-send", { task, args: { text: "one" } });
    const id = await pendingProposal(ask);
    expect(await pendingProposal(ask)).toBe(id);
    expect(sentFor(task)).toEqual([]);
    const proposal = await world.proposal(id);
    expect(proposal).toMatchObject({ state: "pending", action: { args: { text: "one" }, task } });
    await world.decide(world.ana, proposal, "approve");
    expect(await settled(ask)).toMatchObject({ status: "done" });
    expect(sentFor(task).map(signersOf)).toEqual([["gateway", "watchdog", "operator-ana"]]);
    await eventually(() => Promise.resolve(world.woken.includes(`${task}.0.0`) || undefined));
    expect(await world.proposal(id)).toMatchObject({ state: "executed", decidedBy: "operator-ana" });
    await world.decide(world.ana, proposal, "approve");
    expect(sentFor(task)).toHaveLength(1);
  });

  it("CONFIRM denied: it never runs, and the agent is told the reason", async () => {
    const task = newId("t");
    const ask = () => world.ask("mail-send", { task, args: { text: "two" } });
    await world.decide(world.ana, await world.proposal(await pendingProposal(ask)), "deny", "not now");
    expect(await settled(ask)).toMatchObject({ status: "refused", code: "approval.denied", reason: "not now" });
    expect(sentFor(task)).toEqual([]);
  });

  it("S5: a BLOCK reaches nobody", async () => {
    const task = newId("t");
    expect(await world.ask("bank-pay", { task })).toMatchObject({ status: "refused", code: "tier.block" });
    expect(sentFor(task)).toEqual([]);
  });

  it.each([
    ["bank-pay", "tier.block"],
    ["later-do", "tier.propose.rollback"],
  ])("%s is refused with %s", async (tool, code) => {
    expect(await world.ask(tool)).toMatchObject({ status: "refused", code });
  });
});

describe("what is not believed", () => {
  it.each([
    ["args.invalid", { args: { text: 1 } }],
    ["args.invalid", { args: { text: "x", bcc: "y" } }],
    ["lease.invalid", { lease: { task: "t-other" } }],
    ["lease.invalid", { lease: { agent: "finance" } }],
    ["lease.expired", { lease: { expiresAt: 1 } }],
    ["tier.block", { lease: { ceiling: "BLOCK" as const } }],
  ])("%s", async (code, options) => {
    expect(await world.ask("notes-write", options)).toMatchObject({ status: "refused", code });
  });

  it("PROP-06, PROP-07: a viewer's decision, and one over another digest", async () => {
    const task = newId("t");
    const proposal = await world.proposal(
      await pendingProposal(() => world.ask("mail-send", { task, args: { text: "three" } })),
    );
    await expect(world.decide(world.bob, proposal, "approve")).rejects.toMatchObject({ code: "bus.permission" });
    await world.decide(world.ana, { ...proposal, terms: { ...proposal.terms, tier: "AUTO" } }, "approve");
    await world.decide(world.ana, proposal, "deny");
    const after = await eventually(async () => {
      const { state } = await world.proposal(proposal.id);
      return state === "pending" ? undefined : state;
    });
    expect(after).toBe("denied");
    expect(sentFor(task)).toEqual([]);
  });
});

describe("what an agent may pile up", () => {
  it("PROP-12, DED-03: the same question asked for ever ends in a refusal, and people can still read and decide it", async () => {
    const task = newId("t");
    const ask = (step: number) => world.ask("mail-send", { task, step, args: { text: "for ever" } });
    const id = await pendingProposal(() => ask(0));
    const also = Array.from({ length: 500 }, (_, step) => `${task}.${step + 1}.0`);
    await using store = await proposalStore();
    await store.collection(DATABASES.proposals.proposals).compareAndSet({ _id: id }, { set: { also } });
    expect(await ask(501)).toMatchObject({ status: "refused", code: "proposal.limit" });
    const proposal = await world.proposal(id);
    await world.decide(world.ana, proposal, "deny");
    expect(await settled(() => ask(0))).toMatchObject({ code: "approval.denied" });
  });
});

describe("labels", () => {
  it("TIER-05: A turns an excepted outward call into a question", async () => {
    const task = newId("t");
    expect(await world.ask("chat-post", { task })).toMatchObject({ status: "done" });
    await world.raise(task, "A");
    const id = await pendingProposal(() => world.ask("chat-post", { task, step: 1, args: { text: "four" } }));
    expect(await world.proposal(id)).toMatchObject({ labels: ["A"], reasons: ["label.a-out"] });
  });

  it("S10: a call that ran before the label rose is told its outcome, not asked again", async () => {
    const task = newId("t");
    await world.ask("chat-post", { task });
    await world.raise(task, "A");
    expect(await world.ask("chat-post", { task })).toMatchObject({ status: "done" });
    expect(sentFor(task)).toHaveLength(1);
  });
});

describe("the same action asked twice", () => {
  it("PROP-12: is one question and one effect", async () => {
    const [first, second] = [newId("t"), newId("t")];
    const ask = (task: string) => () => world.ask("mail-send", { task, args: { text: "five" } });
    const id = await pendingProposal(ask(first));
    expect(await pendingProposal(ask(second))).toBe(id);
    await world.decide(world.ana, await world.proposal(id), "approve");
    expect(await settled(ask(first))).toMatchObject({ status: "done" });
    expect(await settled(ask(second))).toMatchObject({ status: "refused", code: "dedup.conflict" });
    await eventually(() => Promise.resolve(world.woken.includes(`${second}.0.0`) || undefined));
  });
});
