/**
 * Owns: every rule that has a say in a call's tier, each a pure function from the same facts.
 * Does not own: how they combine (`decide`: the most restrictive wins).
 * Invariants: S4: a rule can only raise; a fact that is missing raises. Rules come in the order in which their codes are
 * told; those that pass with time (a stale beat) come last, so that a lasting refusal is told first.
 */
import type { ErrorCode } from "@bulkhead/core";
import type { AgentPolicy, ControlValue, Effect, Label, Scope, Tier, ToolContract, ToolGrant } from "@bulkhead/schemas";
import type { LoadedPolicy } from "./load.ts";
import { mayApprove } from "./operators.ts";

/** What is known of control: the values by key, and whether the watchdog's beat is recent. */
export interface ControlFacts {
  readonly fresh: boolean;
  readonly values: ReadonlyMap<string, ControlValue>;
}

/** Who asks for what. `ceiling`: the strictest along the delegation chain, from the lease (TIER-10). */
export interface CallQuestion {
  readonly agent: string;
  readonly tool: string;
  readonly ceiling: Tier;
  /** The tool whose call an operator undoes with this one: then `agent` is `operator-<name>`. */
  readonly undoing?: string;
}

/** What a decision rests on. Each of the deciding services reads them itself (S2). */
export interface Facts {
  readonly policy: LoadedPolicy;
  readonly labels: readonly Label[];
  readonly control: ControlFacts;
  /** Epoch milliseconds. */
  readonly now: number;
  /** Whether the authorised operators' signed approvals of exactly this action were verified. */
  readonly approved: boolean;
  /** Whether it is a PROPOSE call that `proposals` has released: at once (compensate), or when its window had closed (hold). */
  readonly released: boolean;
}

/** Why a tier was raised, where it is no refusal. */
export type RaiseReason =
  | "tier.declared"
  | "tier.effect"
  | "tier.exception"
  | "ceiling.agent"
  | "ceiling.lease"
  | "label.a-out"
  | "label.b-out"
  | "breaker.half-open";

/** One rule's say: not below this tier, because. A BLOCK has a code of the error table. */
export type Say =
  | { readonly tier: "BLOCK"; readonly reason: ErrorCode }
  | { readonly tier: Exclude<Tier, "BLOCK">; readonly reason: RaiseReason };

/** Whether a person's word would have an effect now: control is known, and nothing stops the whole house. */
export function canAct(control: ControlFacts): boolean {
  const stop = valueOf(control, "stop", "stop");
  return control.fresh && stop?.stops.some(({ scope }) => scope.kind === "all") !== true;
}

/** Whether a stop covers an agent's call. */
export function isStopped(control: ControlFacts, call: { agent: string; tool: string; toolset: string }): boolean {
  const stop = valueOf(control, "stop", "stop");
  return stop?.stops.some(({ scope }) => scope.kind === "all" || scope.name === call[scope.kind]) === true;
}

/** Whether a tool changes anything. Labels, budget, mode and the beat have no say in a pure read, so they need not be read for one. */
export function hasEffect(policy: LoadedPolicy, tool: string): boolean {
  return (policy.tool(tool)?.effects.length ?? 0) > 0;
}

interface Call {
  readonly agent: Pick<AgentPolicy, "name" | "ceiling">;
  readonly tool: ToolContract;
  readonly grant: ToolGrant;
  readonly ceiling: Tier;
  readonly effect: boolean;
}

const OUTWARD: readonly Effect[] = ["out", "money", "irreversible"];

const atLeast = (tier: Tier, reason: RaiseReason): Say => (tier === "BLOCK" ? refuse("tier.block") : { tier, reason });
const refuse = (reason: ErrorCode): Say => ({ tier: "BLOCK", reason });

/** What every rule says about a call, at least the declared tier. */
export function saysOf(question: CallQuestion, facts: Facts): readonly Say[] {
  const call = callOf(question, facts.policy);
  return "reason" in call ? [call] : RULES.flatMap((rule) => rule(call, facts));
}

function callOf(question: CallQuestion, policy: LoadedPolicy): Call | Say {
  const { agent, tool, ceiling, undoing } = question;
  if (undoing !== undefined) return undoOf(question, policy, undoing);
  const [agentPolicy, contract] = [policy.agent(agent), policy.tool(tool)];
  if (agentPolicy === undefined) return refuse("agent.unknown");
  if (contract === undefined) return refuse("tool.unknown");
  const grant = Object.hasOwn(agentPolicy.tools, tool) ? agentPolicy.tools[tool] : undefined;
  if (grant === undefined) return refuse("tool.undeclared");
  return { agent: agentPolicy, tool: contract, grant, ceiling, effect: contract.effects.length > 0 };
}

/** An operator's undo: of the tool that the undone one names as its inverse, and always a person's decision. */
function undoOf({ agent, tool }: CallQuestion, policy: LoadedPolicy, undoing: string): Call | Say {
  const [contract, undone] = [policy.tool(tool), policy.tool(undoing)];
  if (!mayApprove(policy, agent)) return refuse("agent.unknown");
  if (contract === undefined || undone === undefined) return refuse("tool.unknown");
  if (undone.rollback?.mode !== "compensate" || undone.rollback.tool !== tool) return refuse("undo.invalid");
  const operator = { name: agent, ceiling: "CONFIRM" as const };
  return { agent: operator, tool: contract, grant: { tier: "CONFIRM" }, ceiling: "CONFIRM", effect: true };
}

type Rule = (call: Call, facts: Facts) => readonly Say[];

const declared: Rule = ({ tool, grant }, { policy }) => {
  const flaw = grant.tier === "PROPOSE" ? wayBackFlaw(tool, policy) : undefined;
  return [
    atLeast(grant.tier, "tier.declared"),
    ...(tool.adapter.kind === "none" ? [refuse("tier.block")] : []),
    ...(flaw === undefined ? [] : [refuse(flaw)]),
  ];
};

/** Why a tool cannot be PROPOSE (TIER-08): it has no way back, or one that this version of it never rehearsed. */
export function wayBackFlaw({ name, hash, rollback }: ToolContract, { policy }: LoadedPolicy): ErrorCode | undefined {
  if (rollback === undefined) return "tier.propose.rollback";
  const { rehearsals = {} } = policy;
  const rehearsed = Object.hasOwn(rehearsals, name) && rehearsals[name] === hash;
  return rollback.mode === "hold" || rehearsed ? undefined : "tier.propose.unrehearsed";
}

const ceilings: Rule = ({ agent, ceiling }) => [
  atLeast(agent.ceiling, "ceiling.agent"),
  atLeast(ceiling, "ceiling.lease"),
];

const effects: Rule = ({ tool, grant, effect }, { now }) => {
  if (!effect) return [];
  const excepted = grant.exception !== undefined && now < grant.exception.expiresAt;
  const outward = has(tool.effects, ...OUTWARD) && !excepted;
  return [atLeast("AUTO+", "tier.effect"), ...(outward ? [atLeast("CONFIRM", "tier.exception")] : [])];
};

// A reversible change inside the house keeps its declared tier under any label: nothing leaves, and a person can undo it.
const labels: Rule = ({ tool }, { labels: raised }) => {
  const [a, b] = [raised.includes("A"), raised.includes("B")];
  return [
    ...(a && has(tool.effects, ...OUTWARD) ? [atLeast("CONFIRM", "label.a-out")] : []),
    ...(b && has(tool.effects, "out") ? [atLeast("CONFIRM", "label.b-out")] : []),
  ];
};

const stops: Rule = (call, { control }) => {
  const stop = valueOf(control, "stop", "stop");
  return stop?.stops.some(({ scope }) => covers(scope, call)) ? [refuse("control.stopped")] : [];
};

const quarantines: Rule = (call, { control }) => {
  const quarantine = valueOf(control, "quarantine", "quarantine");
  return quarantine?.scopes.some((scope) => covers(scope, call)) ? [refuse("control.quarantined")] : [];
};

const breakers: Rule = ({ agent, effect }, { control }) => {
  const state = valueOf(control, `breaker-${agent.name}`, "breaker")?.state;
  if (state === "open") return [refuse("breaker.open")];
  return state === "half-open" && effect ? [atLeast("CONFIRM", "breaker.half-open")] : [];
};

const budgets: Rule = ({ agent, effect }, { control, now }) => {
  const budget = valueOf(control, `budget-${agent.name}`, "budget");
  const today = budget?.day === new Date(now).toISOString().slice(0, 10);
  return effect && today && budget.exhausted ? [refuse("budget.exhausted")] : [];
};

const modes: Rule = ({ effect }, { control, policy }) => {
  const observing = policy.policy.mode === "observe" || valueOf(control, "mode", "mode")?.mode === "observe";
  return effect && observing ? [refuse("mode.observe")] : [];
};

const freshness: Rule = ({ effect }, { control }) => {
  if (!effect || control.fresh) return [];
  return [refuse(control.values.has("watchdog") ? "control.stale" : "control.missing")];
};

const RULES: readonly Rule[] = [
  declared,
  stops,
  quarantines,
  modes,
  breakers,
  budgets,
  ceilings,
  effects,
  labels,
  freshness,
];

function has(effectsOfTool: readonly Effect[], ...wanted: readonly Effect[]): boolean {
  return effectsOfTool.some((effect) => wanted.includes(effect));
}

function covers(scope: Scope, { agent, tool }: Call): boolean {
  if (scope.kind === "all") return true;
  return scope.name === { agent: agent.name, tool: tool.name, toolset: tool.toolset }[scope.kind];
}

function valueOf<K extends ControlValue["kind"]>(
  control: ControlFacts,
  key: string,
  kind: K,
): Extract<ControlValue, { kind: K }> | undefined {
  const value = control.values.get(key);
  return value?.kind === kind ? (value as Extract<ControlValue, { kind: K }>) : undefined;
}
