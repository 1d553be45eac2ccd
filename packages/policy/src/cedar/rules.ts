/**
 * Owns: the business rules of a policy, parsed once, and what they say about one call (TIER-06).
 * Does not own: tiers (`decide`), what windows have taken so far (the watchdog's accounts).
 * Invariants: S4: rules only raise: no rule matches means that nothing changes, and nothing that a rule says lowers a tier. A rule that cannot be evaluated
 * counts as one that matches; a question that cannot be asked is denied.
 */
import { BulkheadError } from "@bulkhead/core";
import type { JsonObject, Label, Tier, ToolContract } from "@bulkhead/schemas";
import type { CedarValueJson, Context } from "@cedar-policy/cedar-wasm/nodejs";
import { cedar } from "./engine.ts";
import { amountOf, domainsOf, houseClock } from "./facts.ts";
import { parseRules, type Rule } from "./parse.ts";
import { contextOf, type RuleGround, ruleSchema } from "./schema.ts";
import { cedarValue } from "./types.ts";

/** One call, as rules see it. `at` is epoch milliseconds; `used` what each limit of its tool has taken before it. */
export interface RuleQuestion {
  readonly agent: string;
  readonly tool: ToolContract;
  readonly args: JsonObject;
  readonly tier: Tier;
  readonly labels: readonly Label[];
  readonly at: number;
  readonly used: Readonly<Record<string, number>>;
}

/** What the rules say: nothing, ask a person, or no; and which said so. */
export interface RuleAnswer {
  readonly outcome: "pass" | "ask" | "deny";
  readonly matched: readonly Rule[];
}

/** The rules of one policy. */
export interface Rules {
  readonly all: readonly Rule[];
  judge(question: RuleQuestion): RuleAnswer;
}

const BASE = "base:everything";
const PASS: RuleAnswer = { outcome: "pass", matched: [] };
let count = 0;

/** Parses a policy's rules. @throws BulkheadError `policy.invalid` naming file, line and what is wrong */
export function loadRules(ground: RuleGround): Rules {
  const clock = clockOf(ground.watch?.timeZone ?? "UTC");
  if (Object.keys(ground.rules ?? {}).length === 0) return { all: [], judge: () => PASS };
  const { rules, mistakes } = parseRules(ground);
  const [first] = mistakes;
  if (first !== undefined)
    throw new BulkheadError("policy.invalid", `(rules/${first.file}:${first.line}:${first.col} ${first.message})`);
  const ask = prepare(ground, rules);
  return { all: rules, judge: (question) => ask(question, contextFor(question, ground, clock(question.at))) };
}

type Clock = ReturnType<typeof houseClock>;

function clockOf(timeZone: string): Clock {
  try {
    return houseClock(timeZone);
  } catch (cause) {
    throw new BulkheadError("policy.invalid", `(watch.timeZone: there is no time zone ${timeZone})`, { cause });
  }
}

/** Hands schema and rules to the engine, which keeps them under a name. */
function prepare(ground: RuleGround, rules: readonly Rule[]): (question: RuleQuestion, context: Context) => RuleAnswer {
  count += 1;
  const name = `rules-${count}`;
  const staticPolicies = Object.fromEntries([
    [BASE, "permit(principal, action, resource);"],
    ...rules.map(({ text }, index) => [String(index), text]),
  ]) as Record<string, string>;
  const prepared = [
    cedar().preparseSchema(name, ruleSchema(ground)),
    cedar().preparsePolicySet(name, { staticPolicies }),
  ];
  if (prepared.some(({ type }) => type === "failure")) throw new BulkheadError("policy.invalid", "(rules)");
  return (question, context) => answer(name, rules, question, context);
}

function answer(name: string, rules: readonly Rule[], { agent, tool }: RuleQuestion, context: Context): RuleAnswer {
  const said = cedar().statefulIsAuthorized({
    principal: { type: "Agent", id: agent },
    action: { type: "Action", id: tool.name },
    resource: { type: "Connection", id: tool.connection },
    ...{ context, entities: [], validateRequest: true, preparsedSchemaName: name, preparsedPolicySetId: name },
  });
  if (said.type === "failure") throw new BulkheadError("rule.denied", "(its arguments cannot be judged)");
  const { reason, errors } = said.response.diagnostics;
  const ids = new Set([...reason, ...errors.map(({ policyId }) => policyId)]);
  const matched = rules.filter((_, index) => ids.has(String(index)));
  if (matched.length === 0) return PASS;
  return { outcome: matched.every(({ ask }) => ask !== undefined) ? "ask" : "deny", matched };
}

function contextFor(question: RuleQuestion, ground: RuleGround, { hour, weekday }: ReturnType<Clock>): Context {
  const { tool, args, tier, labels, used } = question;
  const types = contextOf(tool, ground);
  const facts = {
    ...{ args, used: { ...used }, amount: amountOf(tool, args), hour, weekday, tier, labels: [...labels] },
    ...{ domains: domainsOf(tool, args), effects: [...tool.effects] },
  };
  return cedarValue(types, facts) as Record<string, CedarValueJson>;
}
