import { digest, systemClock } from "@bulkhead/core";
import { loadPolicy, loadRules } from "@bulkhead/policy";
import { type Action, DATABASES, type Policy, type WatchPolicy } from "@bulkhead/schemas";
import { connectStore, type Store } from "@bulkhead/store";
import { judge, type RuleFacts } from "@bulkhead/watchdog";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Constellation, startConstellation } from "../harness/constellation.ts";
import { smallPolicy } from "../harness/policy.ts";
import { verifies } from "../verifies.ts";

const HASH = digest("tool", "test");
const DAY_MS = 86_400_000;
const TOOLS = ["pay", "pay-other", "count-me", "both", "never", "house"];
const counted = (tool: string, change: object = {}) => ({
  ...{ tools: [tool], windowMs: DAY_MS, per: "agent" as const, max: 500, over: "ask" as const },
  ...change,
});
const limit = (tool: string, change: object = {}) => counted(tool, { sum: "cents", ...change });
const watch: WatchPolicy = {
  timeZone: "UTC",
  limits: {
    "pay-day": limit("pay", { tools: ["pay", "pay-other"] }),
    "two-a-day": counted("count-me", { max: 2 }),
    ...{ "both-sum": limit("both", { max: 10 }), "both-count": counted("both", { max: 3 }) },
    strict: limit("never", { over: "deny" }),
    ours: limit("house", { per: "house" }),
  },
  outside: [],
};
const rules = {
  "pay.cedar": `@id("spent") @ask("Much was spent") forbid(principal, action == Action::"pay", resource) when { context.used["pay-day"] > 1000 };
    @id("cents") forbid(principal, action, resource) when { context.args.cents == 13 };`,
};

let constellation: Constellation;
let replicas: { readonly judge: (action: Action, how?: Partial<RuleFacts>) => ReturnType<typeof judge> }[];
const stores: Store[] = [];

beforeAll(async () => {
  constellation = await startConstellation({ identities: ["watchdog"], policy });
  replicas = await Promise.all([replica(), replica()]);
}, 60_000);
afterAll(async () => {
  for (const store of stores) await store[Symbol.asyncDispose]();
  await constellation[Symbol.asyncDispose]();
});

function policy(identities: Parameters<typeof smallPolicy>[0]): Policy {
  const base = smallPolicy(identities);
  const contract = base.tools["notes-list"];
  if (contract === undefined) throw new Error("no tool");
  const inputSchema = {
    ...{ type: "object", properties: { cents: { type: "integer" } }, required: ["cents"], additionalProperties: false },
  };
  const tools = TOOLS.map((name) => [name, { ...contract, name, effects: ["money"], inputSchema, hash: HASH }]);
  return { ...base, tools: Object.fromEntries(tools) as Policy["tools"], watch, rules };
}

/** What a watchdog process has: its own connection, rules and clock. */
async function replica() {
  const { user, password } = constellation.keys.get("watchdog")?.mongo ?? { user: "", password: "" };
  const store = await connectStore({ url: constellation.database.url, db: "bh_watchdog", user, password });
  stores.push(store);
  const loaded = loadPolicy(constellation.policy, HASH);
  const log = { info: () => undefined } as never;
  const accounts = store.collection(DATABASES.watchdog.accounts);
  const bench = { policy: loaded, rules: loadRules(constellation.policy), accounts, clock: systemClock, log };
  const how: RuleFacts = { tier: "AUTO+", labels: [], reserve: true };
  return { judge: (action: Action, change: Partial<RuleFacts> = {}) => judge(bench, action, { ...how, ...change }) };
}

function call(tool: string, cents: number, step: number, agent = "inbox"): Action {
  const task = `t-${tool}-${agent}`;
  const own = { callId: `${task}.${step}.0`, task, agent, tool, args: { cents } };
  return { v: 1, principal: "operator-ana", policyEpoch: HASH, toolHash: HASH, ...own };
}
const judgeOn = (index: number, ...rest: Parameters<(typeof replicas)[number]["judge"]>) => {
  const found = replicas[index % 2];
  if (found === undefined) throw new Error("no replica");
  return found.judge(...rest);
};

describe("limits over a window", () => {
  verifies("TIER-06", "ATT-015: of ten transfers of 99 under a cap of 500 the sixth asks a person", async () => {
    const tiers: string[] = [];
    for (let step = 0; step < 10; step += 1) tiers.push((await judgeOn(step, call("pay", 99, step))).tier);
    expect(tiers).toEqual([...Array<string>(5).fill("AUTO+"), ...Array<string>(5).fill("CONFIRM")]);
  });

  it("TIER-06: another tool of the same limit has no money of its own, another agent has", async () => {
    expect(await judgeOn(0, call("pay-other", 99, 0))).toEqual({ tier: "CONFIRM", reasons: ["limit.pay-day"] });
    expect(await judgeOn(0, call("pay", 500, 0, "finance"))).toEqual({ tier: "AUTO+", reasons: [] });
  });

  it("TIER-06: the same call id takes its place once, on whichever replica", async () => {
    const first = call("count-me", 1, 0);
    for (let index = 0; index < 4; index += 1) expect((await judgeOn(index, first)).tier).toBe("AUTO+");
    expect((await judgeOn(0, call("count-me", 1, 1))).tier).toBe("AUTO+");
    expect((await judgeOn(1, call("count-me", 1, 2))).tier).toBe("CONFIRM");
    expect((await judgeOn(1, first)).tier).toBe("AUTO+");
  });

  it("TIER-06, S7: two replicas and 40 concurrent calls never pass a limit together", async () => {
    const asked = Array.from({ length: 40 }, (_, step) => judgeOn(step, call("house", 60, step, step % 3 ? "a" : "b")));
    const tiers = (await Promise.all(asked)).map(({ tier }) => tier);
    expect(tiers.filter((tier) => tier === "AUTO+")).toHaveLength(8);
  });

  it("TIER-06: before the last decision nothing is taken, nor for a call that is asked about", async () => {
    for (let step = 0; step < 9; step += 1)
      expect((await judgeOn(0, call("both", 1, step), { reserve: false })).tier).toBe("AUTO+");
    for (let step = 10; step < 19; step += 1) expect((await judgeOn(0, call("both", 99, step))).tier).toBe("CONFIRM");
    expect((await judgeOn(0, call("both", 10, 20))).tier).toBe("AUTO+");
  });

  it("TIER-06: what a person approved counts too; a limit that denies, denies whoever approved", async () => {
    const [much, next] = [call("pay", 2_000, 0, "third"), call("pay", 1, 1, "third")];
    expect((await judgeOn(0, much)).tier).toBe("CONFIRM");
    expect((await judgeOn(0, much, { tier: "CONFIRM" })).reasons).toEqual(["limit.pay-day"]);
    expect((await judgeOn(1, next)).reasons).toEqual(["rule.spent", "limit.pay-day"]);
    const strict = judgeOn(1, call("never", 501, 0), { tier: "CONFIRM" });
    await expect(strict).rejects.toMatchObject({ code: "rule.denied" });
  });

  it("TIER-06: what cannot be added up is beyond every limit", async () => {
    expect((await judgeOn(0, call("pay", -5, 0, "fourth"))).tier).toBe("CONFIRM");
  });

  it("S4: a rule that denies, denies whoever approved; an undo is not judged", async () => {
    const denied = judgeOn(0, call("pay", 13, 0, "fifth"), { tier: "CONFIRM" });
    await expect(denied).rejects.toMatchObject({
      code: "rule.denied",
      message: expect.stringContaining("cents") as string,
    });
    const undo = { ...call("pay", 13, 1, "fifth"), undoes: "t-pay-fifth.0.0" };
    expect(await judgeOn(0, undo)).toEqual({ tier: "AUTO+", reasons: [] });
  });
});
