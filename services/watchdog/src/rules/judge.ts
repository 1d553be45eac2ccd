/**
 * Owns: what business rules and cumulative limits say about one call.
 * Does not own: what `decide` says, who is asked, the signature.
 * Invariants: S4: it only raises, and an approval lifts nothing that denies; TIER-06: a limit is passed by taking a place in it, never by reading it.
 */
import { BulkheadError, isBulkheadError } from "@bulkhead/core";
import { type RuleAnswer, strictest } from "@bulkhead/policy";
import type { Action, Grant, Label, Tier } from "@bulkhead/schemas";
import { ruleDenied, ruleRaised } from "../events.ts";
import { type Bench, type Standing, standings, takeAll } from "./limits.ts";

/** How a call is judged. */
export interface RuleFacts {
  /** The tier at which it is to run. With `reserve`, CONFIRM means that a person's approval of exactly this action was verified. */
  readonly tier: Tier;
  readonly labels: readonly Label[];
  /** Take its places in the limits: at the last decision before it runs, never before. */
  readonly reserve: boolean;
  /** When the signature is void (epoch ms): a call that has no recorded intent by then gives its places back. Without it, never. */
  readonly until?: number;
}

/** The tier after rules and limits, never below the one before, and what raised it: `rule.<id>`, `limit.<name>`. */
export interface Judged {
  readonly tier: Tier;
  readonly reasons: string[];
}

/**
 * Judges a call by the house's rules and limits. Nothing is reserved for a call whose tier it raises: it does not run, so ask a person. An undo
 * is not judged: whoever may undo, may at any hour.
 *
 * @throws BulkheadError `rule.denied`, `tool.unknown`, `store.unavailable`
 */
export async function judge(watchdog: Bench, action: Action, how: RuleFacts): Promise<Judged> {
  if (action.undoes !== undefined) return { tier: how.tier, reasons: [] };
  try {
    const judged = await judgeAll(watchdog, action, how);
    if (judged.reasons.length > 0) ruleRaised(watchdog, action, judged.reasons);
    return judged;
  } catch (error) {
    if (isBulkheadError(error, "rule.denied")) ruleDenied(watchdog, action, error);
    throw error;
  }
}

/**
 * The last judgement before the signature: takes the call's places in the limits until the grant is void.
 *
 * @throws BulkheadError `approval.required` if a person must be asked first; `rule.denied`, `store.unavailable`
 */
export async function assertJudged(
  watchdog: Bench,
  action: Action,
  { grant, approved }: { readonly grant: Grant; readonly approved: boolean },
): Promise<void> {
  const tier = approved ? "CONFIRM" : grant.tier;
  const judged = await judge(watchdog, action, { tier, labels: grant.labels, reserve: true, until: grant.expiresAt });
  if (judged.tier !== tier) throw new BulkheadError("approval.required");
}

async function judgeAll(watchdog: Bench, action: Action, how: RuleFacts): Promise<Judged> {
  const at = watchdog.clock.now();
  const limits = await standings(watchdog, action, at);
  const said = ask(watchdog, action, { how, at, limits });
  const first = outcome(
    how.tier,
    said,
    limits.filter(({ over }) => over),
  );
  if (!how.reserve || first.tier !== how.tier) return first;
  const until = how.until === undefined ? {} : { until: how.until };
  const call = { callId: action.callId, at, ...until, approved: how.tier === "CONFIRM" };
  const full = await takeAll(watchdog.accounts, limits, call);
  return full === undefined ? first : outcome(how.tier, said, [full]);
}

function ask(
  { policy, rules }: Bench,
  { agent, tool: name, args }: Action,
  { how, at, limits }: { readonly how: RuleFacts; readonly at: number; readonly limits: readonly Standing[] },
): RuleAnswer {
  const tool = policy.tool(name);
  if (tool === undefined) throw new BulkheadError("tool.unknown", `(${name})`);
  const used = Object.fromEntries(limits.map((one) => [one.name, one.used]));
  return rules.judge({ agent, tool, args, tier: how.tier, labels: how.labels, at, used });
}

function outcome(tier: Tier, { outcome: said, matched }: RuleAnswer, over: readonly Standing[]): Judged {
  const reasons = [...matched.map(({ id }) => `rule.${id}`), ...over.map(({ name }) => `limit.${name}`)];
  if (said === "deny" || over.some(({ limit }) => limit.over === "deny"))
    throw new BulkheadError("rule.denied", `(${reasons.join(", ")})`);
  return { tier: reasons.length > 0 ? strictest([tier, "CONFIRM"]) : tier, reasons: reasons.slice(0, 16) };
}
