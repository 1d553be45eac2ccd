import { newId } from "@bulkhead/core";
import type { CallReply } from "@bulkhead/schemas";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startWorld, type World } from "../decisions/world.ts";
import { eventually } from "../harness/eventually.ts";
import { verifies } from "../verifies.ts";

const RULES = `
  @id("loud") @ask("It is loud") forbid(principal, action, resource) when { context.args.text == "LOUD" };
  @id("never") forbid(principal, action, resource) when { context.args.text == "never" };
  @id("at-last") forbid(principal, action == Action::"mail-send", resource) when { context.args.text == "denied" };`;
const LIMITS = {
  "writes-a-day": { tools: ["chat-post"], windowMs: 86_400_000, per: "house" as const, max: 5, over: "ask" as const },
};

let world: World;
beforeAll(async () => {
  world = await startWorld({
    rules: { "house.cedar": RULES },
    watch: { timeZone: "UTC", limits: LIMITS, outside: [] },
  });
  await world.constellation.start("watchdog");
  await eventually(async () => ((await world.ask("notes-write")).status === "done" ? true : undefined));
}, 60_000);
afterAll(() => world[Symbol.asyncDispose]());

const ran = (task: string) => world.executed.filter(({ action }) => action.task === task).length;
const settled = (ask: () => Promise<CallReply>) =>
  eventually(async () => {
    const reply = await ask();
    return reply.status === "pending" ? undefined : reply;
  });
async function proposalOf(ask: () => Promise<CallReply>) {
  const reply = await ask();
  if (reply.status !== "pending" || reply.proposal === undefined) throw new Error(JSON.stringify(reply));
  return await world.proposal(reply.proposal);
}

describe("rules, through the running services with two watchdogs", () => {
  verifies(
    "TIER-06",
    "a rule turns a free call into a question, and once a person has approved it, it runs",
    async () => {
      const task = newId("t");
      const ask = () => world.ask("notes-write", { task, args: { text: "LOUD" } });
      const proposal = await proposalOf(ask);
      expect(ran(task)).toBe(0);
      expect(proposal.reasons).toContain("rule.loud");
      await world.decide(world.ana, proposal, "approve");
      expect(await settled(ask)).toMatchObject({ status: "done" });
      expect(ran(task)).toBe(1);
    },
  );

  it("TIER-06: a rule that denies, denies, and the gateway cannot do without", async () => {
    const task = newId("t");
    const reply = await world.ask("notes-write", { task, args: { text: "never" } });
    expect(reply).toMatchObject({ status: "refused", code: "rule.denied" });
    expect(await world.ask("mail-send", { task, step: 1, args: { text: "denied" } })).toMatchObject({
      status: "refused",
      code: "rule.denied",
    });
    expect(ran(task)).toBe(0);
  });

  it("TIER-06: ATT-015: of eight posts at once under a limit of five, five run and three wait", async () => {
    const tasks = Array.from({ length: 8 }, () => newId("t"));
    const post = (task: string) => eventually(() => world.ask("chat-post", { task, args: { text: task } }));
    const replies = await Promise.all(tasks.map(post));
    expect(replies.filter(({ status }) => status === "done")).toHaveLength(5);
    const asked = replies.flatMap((reply) => (reply.status === "pending" && reply.proposal ? [reply.proposal] : []));
    expect(asked).toHaveLength(3);
    const [first] = await Promise.all(asked.map((id) => world.proposal(id)));
    expect(first?.reasons).toContain("limit.writes-a-day");
    expect(tasks.filter((task) => ran(task) === 1)).toHaveLength(5);
    const again = tasks.find((task) => ran(task) === 1) ?? "";
    expect(await world.ask("chat-post", { task: again, args: { text: again } })).toMatchObject({ status: "done" });
    if (first === undefined) throw new Error("no proposal");
    const task = first.action.task;
    await world.decide(world.ana, first, "approve");
    expect(await settled(() => world.ask("chat-post", { task, args: { text: task } }))).toMatchObject({
      status: "done",
    });
  });
});
