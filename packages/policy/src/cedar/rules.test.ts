import type { ArgumentRole, JsonObject, ToolContract } from "@bulkhead/schemas";
import { describe, expect, test } from "vitest";
import { parseRules } from "./parse.ts";
import { loadRules, type RuleQuestion } from "./rules.ts";
import type { RuleGround } from "./schema.ts";

const HASH = `sha256:${"0".repeat(64)}`;
const MONDAY_NOON = Date.parse("2026-11-23T12:00:00Z");

function tool(name: string, properties: JsonObject, roles: Record<string, ArgumentRole> = {}): ToolContract {
  return {
    ...{ name, connection: "mail", operation: "send", toolset: "mail", description: "", effects: ["out"], reads: [] },
    inputSchema: { type: "object", properties, required: ["to"], additionalProperties: false },
    ...{ roles, adapter: { kind: "builtin" as const }, credentials: [], egress: [], timeoutMs: 1, hash: HASH },
  };
}

const SEND = tool(
  "mail-send",
  {
    to: { type: "array", items: { type: "string" } },
    cents: { type: "integer" },
    rate: { type: "number" },
    where: { type: "object", properties: { floor: { type: "integer" } }, required: ["floor"] },
  },
  { to: "recipient", cents: "amount", rate: "amount" },
);
const ground = (text: string, timeZone = "UTC"): RuleGround => ({
  tools: { "mail-send": SEND },
  rules: { "a.cedar": text },
  watch: {
    timeZone,
    limits: { mails: { tools: ["mail-send"], windowMs: 1_000, per: "agent", max: 1, over: "ask" } },
    outside: [],
  },
});
const question = (change: Partial<RuleQuestion> = {}): RuleQuestion => ({
  ...{ agent: "inbox", tool: SEND, args: { to: ["x@example.org"] }, tier: "CONFIRM", labels: [] },
  ...{ at: MONDAY_NOON, used: { mails: 0 }, ...change },
});
const judged = (text: string, change: Partial<RuleQuestion> = {}, timeZone?: string) =>
  loadRules(ground(text, timeZone)).judge(question(change));
const mistakes = (text: string) => parseRules(ground(text)).mistakes;

describe("what a rule says", () => {
  test("TIER-06: no rule, or none that matches, changes nothing", () => {
    expect(loadRules({ tools: {} }).judge(question())).toEqual({ outcome: "pass", matched: [] });
    expect(judged("forbid(principal, action, resource) when { context.hour > 20 };")).toMatchObject({
      outcome: "pass",
    });
  });

  test("TIER-06: forbid denies, with @ask a person is asked, and of both the denial counts", () => {
    const ask = '@id("noon") @ask("At noon") forbid(principal, action, resource) when { context.hour == 12 };';
    expect(judged(ask)).toMatchObject({ outcome: "ask", matched: [{ id: "noon", ask: "At noon" }] });
    expect(judged(`${ask} forbid(principal == Agent::"inbox", action, resource);`)).toMatchObject({
      outcome: "deny",
      matched: [{ id: "noon" }, { id: "a-2" }],
    });
  });

  test("S4: a rule that cannot be evaluated counts as one that matches", () => {
    const text = "forbid(principal, action, resource) when { 9223372036854775807 + context.hour < 0 };";
    expect(judged(text)).toMatchObject({ outcome: "deny" });
  });

  test("S4: arguments of another type than the signed one are denied, and none becomes an entity", () => {
    const rules = loadRules(ground("forbid(principal, action, resource) when { context.args has cents };"));
    expect(() => rules.judge(question({ args: { to: [{ __entity: { type: "Agent", id: "x" } }] } }))).toThrow("rule");
    expect(() => rules.judge(question({ args: { to: [], cents: 1.5 } }))).toThrow("rule");
    expect(() => rules.judge(question({ args: {} }))).toThrow("rule");
    expect(rules.judge(question({ args: { to: [], unknown: 1 } })).outcome).toBe("pass");
  });
});

describe("what a rule can look at", () => {
  test.each([
    ['context.domains.contains("evil.example")', { args: { to: ["a@b.example", "Max <m@EVIL.example.>"] } }],
    ['context.domains.contains("unknown")', { args: { to: ["nobody"] } }],
    ["context.args has cents && context.args.cents > 499", { args: { to: [], cents: 500 } }],
    ["context.amount == 503", { args: { to: [], cents: 500, rate: 2.5 } }],
    ["context.args has where && context.args.where.floor == 3", { args: { to: [], where: { floor: 3, x: 1 } } }],
    ['context.labels.contains("A")', { labels: ["A" as const] }],
    ['context.tier == "AUTO+"', { tier: "AUTO+" as const }],
    ["context.used.mails >= 3", { used: { mails: 3 } }],
    ["context.weekday == 7", { at: Date.parse("2026-11-22T12:00:00Z") }],
    ["context.hour == 0", { at: Date.parse("2026-11-22T00:10:00Z") }],
    ['action in Action::"effect:out" && context.effects.contains("out") && resource == Connection::"mail"', { at: 0 }],
  ])("TIER-06: %s", (condition, matching) => {
    const text = `forbid(principal, action, resource) when { ${condition} };`;
    expect(judged(text, matching).outcome).toBe("deny");
    if (!("at" in matching && matching.at === 0)) expect(judged(text).outcome).toBe("pass");
  });

  test("TIER-06: hours are those of the house's time zone", () => {
    const text = "forbid(principal, action, resource) when { context.hour == 1 && context.weekday == 1 };";
    const at = Date.parse("2026-07-05T23:30:00Z");
    expect(judged(text, { at }, "Europe/Berlin").outcome).toBe("deny");
    expect(judged(text, { at }).outcome).toBe("pass");
    expect(() => loadRules(ground("", "Mars/Olympus"))).toThrow("Mars/Olympus");
  });
});

describe("what is no rule", () => {
  test("every mistake has its line and column", () => {
    expect(mistakes("// ä\n  forbit(principal, action, resource);")).toMatchObject([
      { file: "a.cedar", line: 2, col: 3, message: expect.stringContaining("forbit") as string },
    ]);
    const wrong = 'forbid(principal, action, resource)\nwhen { "ä" == context.tier &&\n  context.args.cent > 5 };';
    expect(mistakes(wrong)).toMatchObject([
      { line: 3, col: 3, suggestion: expect.stringContaining("cents") as string },
    ]);
  });

  test.each([
    ["permit(principal, action, resource);", "only raise"],
    ['@aks("x") forbid(principal, action, resource);', "@aks"],
    ["@ask forbid(principal, action, resource);", "a reason"],
    ['@id("No Token") forbid(principal, action, resource);', "@id takes"],
    ['forbid(principal, action == Action::"mail-sent", resource);', "mail-sent"],
    ["forbid(principal, action, resource) when { context.args.cents > 5 };", "cents"],
    ["forbid(principal, action, resource) when { context.args has rate && context.args.rate > 5 };", ""],
    ['forbid(principal, action, resource) when { context.tier == "X" && 1 == 2 };', "impossible"],
    ["forbid(principal == ?principal, action, resource);", "template"],
    ['@id("a") forbid(principal, action, resource); @id("a") forbid(principal, action, resource);', "Another rule"],
  ])("%s", (text, message) => {
    const found = mistakes(text);
    expect(found.map((one) => one.message).join()).toContain(message);
    expect(found).not.toEqual([]);
    expect(() => loadRules(ground(text))).toThrow(/a\.cedar:\d+:\d+/);
  });
});
