import type { ErrorCode } from "@bulkhead/core";
import type { Tier } from "@bulkhead/schemas";
import { type CallQuestion, type Facts, type RaiseReason, type Say, saysOf } from "./rules.ts";
import { rankOf, type Signer, signersFor, strictest } from "./tiers.ts";

/** Why: what raised the tier, or the code of a refusal. */
export type Reason = RaiseReason | ErrorCode;

/**
 * What a decision says (PROP-01): run with these signatures, ask a person first, or no. Only `allow` carries signers, so
 * that a caller who mistakes `ask` for it has nothing to go on.
 */
export type Verdict =
  | {
      readonly outcome: "allow";
      readonly tier: Tier;
      readonly signers: readonly Signer[];
      readonly reasons: readonly Reason[];
    }
  | { readonly outcome: "ask"; readonly tier: "CONFIRM"; readonly reasons: readonly Reason[] }
  | { readonly outcome: "deny"; readonly tier: Tier; readonly code: ErrorCode; readonly reasons: readonly Reason[] };

/** What the executor computes itself (S2): who must have signed, or why nothing may run. */
export type Floor =
  | { readonly outcome: "allow"; readonly tier: Tier; readonly signers: readonly Signer[] }
  | { readonly outcome: "deny"; readonly tier: Tier; readonly code: ErrorCode };

/**
 * Decides one call. Pure. The effective tier is the most restrictive that any rule says (TIER-02); an approval makes a
 * CONFIRM run and lifts nothing else.
 */
export function decide(question: CallQuestion, facts: Facts): Verdict {
  const says = saysOf(question, facts);
  const tier = strictest(says.map((say) => say.tier));
  const reasons = reasonsOf(says, tier);
  if (tier === "BLOCK") return { outcome: "deny", tier, code: refusalOf(says), reasons };
  if (tier === "PROPOSE") return { outcome: "deny", tier, code: "tier.propose.unavailable", reasons };
  if (tier === "CONFIRM" && !facts.approved) return { outcome: "ask", tier, reasons };
  return {
    outcome: "allow",
    tier,
    signers: signersFor(tier, facts.policy.tool(question.tool)?.effects ?? []),
    reasons,
  };
}

/**
 * The executor's own view of a call that others have signed at `signedTier`: never below what was signed, never below
 * what policy, labels and control say now. `facts.approved` has no say here: the operator is one of the signers.
 */
export function floor(
  call: { readonly agent: string; readonly tool: string; readonly signedTier: Tier },
  facts: Omit<Facts, "approved">,
): Floor {
  const verdict = decide(
    { agent: call.agent, tool: call.tool, ceiling: call.signedTier },
    { ...facts, approved: true },
  );
  if (verdict.outcome === "allow") return { outcome: "allow", tier: verdict.tier, signers: verdict.signers };
  const code = verdict.outcome === "deny" ? verdict.code : "approval.required";
  return { outcome: "deny", tier: verdict.tier, code };
}

function refusalOf(says: readonly Say[]): ErrorCode {
  return says.find((say) => say.tier === "BLOCK")?.reason ?? "internal";
}

function reasonsOf(says: readonly Say[], tier: Tier): readonly Reason[] {
  const deciding = says.filter((say) => rankOf(say.tier) === rankOf(tier));
  return [...new Set<Reason>(deciding.map((say) => say.reason))];
}
