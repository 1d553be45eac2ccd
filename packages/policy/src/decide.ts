import type { ErrorCode } from "@bulkhead/core";
import { type Effect, type ProposalMode, type Tier, WINDOW_MS } from "@bulkhead/schemas";
import type { LoadedPolicy } from "./load.ts";
import { type CallQuestion, type Facts, type RaiseReason, type Say, saysOf, wayBackFlaw } from "./rules.ts";
import { rankOf, type Signer, signersFor, strictest } from "./tiers.ts";

/** Why: what raised the tier, or the code of a refusal. */
export type Reason = RaiseReason | ErrorCode;

/**
 * What a decision says (PROP-01): run with these signatures, hand over to `proposals` (a person is asked first, or gets a window), or
 * no. Only `allow` carries signers, so that a caller who mistakes another outcome for it has nothing to go on.
 */
export type Verdict =
  | {
      readonly outcome: "allow";
      readonly tier: Tier;
      readonly signers: readonly Signer[];
      readonly reasons: readonly Reason[];
    }
  | {
      readonly outcome: "propose";
      readonly tier: "PROPOSE" | "CONFIRM";
      readonly mode: ProposalMode;
      readonly reasons: readonly Reason[];
    }
  | {
      readonly outcome: "deny";
      readonly tier: Tier;
      readonly code: ErrorCode;
      readonly reasons: readonly Reason[];
      /** With `mode.observe`: what would have been said in the mode `enforce`, for the record alone. */
      readonly would?: Would;
    };

/** What a decision would be without the mode `observe`. */
export interface Would {
  readonly outcome: "allow" | "propose" | "deny";
  readonly tier: Tier;
  readonly reasons: readonly Reason[];
}

/** What the executor computes itself (S2): who must have signed, or why nothing may run. */
export type Floor =
  | { readonly outcome: "allow"; readonly tier: Tier; readonly signers: readonly Signer[] }
  | { readonly outcome: "deny"; readonly tier: Tier; readonly code: ErrorCode };

/**
 * Decides one call. Pure. The effective tier is the most restrictive that any rule says (TIER-02). An approval makes a CONFIRM run, a
 * release a PROPOSE; neither lifts anything else.
 */
export function decide(question: CallQuestion, facts: Facts): Verdict {
  const says = saysOf(question, facts);
  const verdict = combine(question, facts, says);
  if (verdict.outcome !== "deny" || verdict.code !== "mode.observe") return verdict;
  const { outcome, tier, reasons } = combine(
    question,
    facts,
    says.filter(({ reason }) => reason !== "mode.observe"),
  );
  return { ...verdict, would: { outcome, tier, reasons } };
}

function combine(question: CallQuestion, facts: Facts, says: readonly Say[]): Verdict {
  const tier = strictest(says.map((say) => say.tier));
  const reasons = reasonsOf(says, tier);
  if (tier === "BLOCK") return { outcome: "deny", tier, code: refusalOf(says), reasons };
  if (tier === "PROPOSE") return decidePropose(question, facts, says);
  if (tier === "CONFIRM" && !facts.approved) return { outcome: "propose", tier, mode: "ask", reasons };
  return { outcome: "allow", tier, signers: signersFor(tier, effectsOf(question, facts)), reasons };
}

/** Runs at once or later, with a way back; where a ceiling says PROPOSE and the tool has none, a person is asked (TIER-08). */
function decidePropose(question: CallQuestion, facts: Facts, says: readonly Say[]): Verdict {
  const reasons = reasonsOf(says, "PROPOSE");
  const contract = facts.policy.tool(question.tool);
  const effects = contract?.effects ?? [];
  const flaw = contract === undefined ? "tool.unknown" : wayBackFlaw(contract, facts.policy);
  if (flaw !== undefined || contract?.rollback === undefined) {
    if (!facts.approved)
      return {
        outcome: "propose",
        tier: "CONFIRM",
        mode: "ask",
        reasons: [...reasons, flaw ?? "tier.propose.rollback"],
      };
    return { outcome: "allow", tier: "CONFIRM", signers: signersFor("CONFIRM", effects), reasons };
  }
  if (!facts.approved && !facts.released)
    return { outcome: "propose", tier: "PROPOSE", mode: contract.rollback.mode, reasons };
  return { outcome: "allow", tier: "PROPOSE", signers: signersFor("PROPOSE", effects), reasons };
}

/**
 * The executor's own view of a call that others have signed at `signedTier`: never below what was signed, never below
 * what policy, labels and control say now. Approvals have no say here: the operator is one of the signers.
 */
export function floor(
  call: Omit<CallQuestion, "ceiling"> & { readonly signedTier: Tier },
  facts: Omit<Facts, "approved" | "released">,
): Floor {
  const { signedTier, ...question } = call;
  const verdict = decide({ ...question, ceiling: signedTier }, { ...facts, approved: true, released: true });
  if (verdict.outcome === "allow") return { outcome: "allow", tier: verdict.tier, signers: verdict.signers };
  const code = verdict.outcome === "deny" ? verdict.code : "approval.required";
  return { outcome: "deny", tier: verdict.tier, code };
}

/** How many natural persons must approve an agent's call, and who may. At least one, whatever a policy says. */
export function approvalsFor(
  policy: LoadedPolicy,
  { agent, tool }: Pick<CallQuestion, "agent" | "tool">,
): { readonly count: number; readonly from?: readonly string[] } {
  const { count = 1, from } = grantOf(policy, agent, tool)?.approvals ?? {};
  return { count: Math.max(1, count), ...(from && { from }) };
}

/** How long a call of PROPOSE can be undone or cancelled, in milliseconds. */
export function windowFor(policy: LoadedPolicy, { agent, tool }: Pick<CallQuestion, "agent" | "tool">): number {
  return grantOf(policy, agent, tool)?.windowMs ?? WINDOW_MS;
}

function grantOf(policy: LoadedPolicy, agent: string, tool: string) {
  const tools = policy.agent(agent)?.tools;
  return tools !== undefined && Object.hasOwn(tools, tool) ? tools[tool] : undefined;
}

function effectsOf({ tool }: CallQuestion, { policy }: Facts): readonly Effect[] {
  return policy.tool(tool)?.effects ?? [];
}

function refusalOf(says: readonly Say[]): ErrorCode {
  return says.find((say) => say.tier === "BLOCK")?.reason ?? "internal";
}

function reasonsOf(says: readonly Say[], tier: Tier): readonly Reason[] {
  const deciding = says.filter((say) => rankOf(say.tier) === rankOf(tier));
  return [...new Set<Reason>(deciding.map((say) => say.reason))];
}
