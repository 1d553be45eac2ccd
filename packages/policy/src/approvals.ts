/**
 * Owns: what an operator's signed decision proves: an approval, a release, an undo, an edit.
 * Does not own: who has heard which decision (proposals and watchdog each for themselves), who may approve what (the policy).
 * Invariants: S3: a decision is an operator's own signature over the digest of terms that name exactly one action, under this policy,
 * in time, by somebody whose word still counts. TIER-11: persons are counted, not accounts. No decision and no count of zero approves.
 */
import { BulkheadError, canonical, type Envelope, open, sameDigest } from "@bulkhead/core";
import { type Action, Approval, Decision, type Outcome, type ProposalTerms } from "@bulkhead/schemas";
import { approvalsFor } from "./decide.ts";
import type { LoadedPolicy } from "./load.ts";
import { parse, refusing } from "./opened.ts";
import { mayApprove, personOf } from "./operators.ts";
import { actionDigest, assertRuns, termsDigest } from "./proofs.ts";
import type { ControlFacts } from "./rules.ts";

/** What decisions are judged by: the time, and whose word counts no longer. */
export interface Judging {
  /** Epoch milliseconds. */
  readonly now: number;
  /** Names of revoked operators, without `operator-`. */
  readonly revoked: ReadonlySet<string>;
}

/** An operator's decision, opened. */
export interface OpenedDecision {
  readonly decision: Decision;
  /** `operator-<name>`. */
  readonly operator: string;
  readonly at: number;
}

/** Opens an operator's decision: signed by an operator whom the policy lets approve, and who is not revoked. @throws BulkheadError `approval.invalid` */
export function openDecision(policy: LoadedPolicy, envelope: unknown, revoked: ReadonlySet<string>): OpenedDecision {
  const believed = (issuer: string): boolean =>
    mayApprove(policy, issuer) && !revoked.has(issuer.slice("operator-".length));
  const opened = refusing("approval.invalid", () =>
    open(envelope, { type: "decision", keyOf: (issuer) => (believed(issuer) ? policy.keyOf(issuer) : undefined) }),
  );
  const decision = parse(Decision, opened.body, "approval.invalid");
  if ((decision.outcome === "edit") !== (decision.args !== undefined)) throw new BulkheadError("approval.invalid");
  return { decision, operator: opened.issuer, at: opened.at };
}

/** What a proposal's release rests on. */
export type Permission =
  | { readonly kind: "approved"; readonly operators: readonly string[] }
  | { readonly kind: "released" };

/**
 * Verifies that these terms let exactly this action run: of CONFIRM because enough persons approved it, of PROPOSE because it was
 * proposed (whether its window has closed is the watchdog's to say).
 *
 * @throws BulkheadError `approval.invalid|denied|expired|few`, `policy.epoch`
 */
export function verifyApproval(policy: LoadedPolicy, approval: unknown, action: Action, judging: Judging): Permission {
  const { terms, decisions } = parse(Approval, approval, "approval.invalid");
  assertTerms(policy, terms, action);
  if (judging.now > terms.expiresAt) throw new BulkheadError("approval.expired");
  if (terms.mode !== "ask") {
    const mode = policy.tool(action.tool)?.rollback?.mode;
    if (terms.tier !== "PROPOSE" || terms.mode !== mode || decisions.length > 0)
      throw new BulkheadError("approval.invalid");
    return { kind: "released" };
  }
  const opened = decisions.map((envelope) => openBound(policy, envelope, terms, judging));
  const denied = opened.find(({ decision }) => decision.outcome !== "approve");
  if (denied !== undefined) throw new BulkheadError("approval.denied");
  if (opened.some(({ at }) => at > terms.expiresAt)) throw new BulkheadError("approval.expired");
  const operators = opened.map(({ operator }) => operator);
  if (!areEnough(policy, action, operators)) throw new BulkheadError("approval.few");
  return { kind: "approved", operators };
}

/** Whether these operators are as many natural persons as the policy asks for. Where it asks for two or more, whoever submitted the task is none of them. */
export function areEnough(policy: LoadedPolicy, action: Action, operators: readonly string[]): boolean {
  const { count, from } = approvalsFor(policy, action);
  const requester = count > 1 ? personOf(policy, action.principal) : undefined;
  const counted = operators.filter(
    (operator) => from === undefined || from.includes(operator.slice("operator-".length)),
  );
  const persons = new Set(counted.map((operator) => personOf(policy, operator)));
  persons.delete(undefined);
  if (requester !== undefined) persons.delete(requester);
  return persons.size >= count;
}

/**
 * Verifies that an operator said to undo what `original` did: the action is that operator's, under the call id made for it, with the tool
 * that the undone one names. Whether its arguments are the captured ones is the executor's to say.
 *
 * @throws BulkheadError `approval.invalid`, `undo.invalid`, `policy.epoch`, `tool.hash`, `args.invalid`
 */
export function verifyUndo(
  policy: LoadedPolicy,
  { action, original, approval }: { readonly action: Action; readonly original: Action; readonly approval: unknown },
  judging: Judging,
): OpenedDecision {
  const { terms, decisions } = parse(Approval, approval, "approval.invalid");
  assertTerms(policy, terms, original);
  const [envelope, ...others] = decisions;
  if (others.length > 0) throw new BulkheadError("approval.invalid");
  const opened = openBound(policy, envelope, terms, judging);
  if (opened.decision.outcome !== "undo" || terms.mode !== "compensate") throw new BulkheadError("approval.invalid");
  const rollback = policy.tool(original.tool)?.rollback;
  const fits =
    action.undoes === original.callId &&
    action.callId === undoIdOf(original.callId) &&
    action.task === original.task &&
    action.agent === opened.operator &&
    action.principal === opened.operator &&
    rollback?.mode === "compensate" &&
    rollback.tool === action.tool;
  if (!fits) throw new BulkheadError("undo.invalid");
  assertRuns(policy, action);
  return opened;
}

/**
 * Verifies that an operator changed the arguments of `original` into exactly those of `action`, and nothing else of it.
 *
 * @throws BulkheadError `approval.invalid`, `policy.epoch`
 */
export function verifyEdit(
  policy: LoadedPolicy,
  { action, original, approval }: { readonly action: Action; readonly original: Action; readonly approval: unknown },
  judging: Judging,
): OpenedDecision {
  const { terms, decisions } = parse(Approval, approval, "approval.invalid");
  assertTerms(policy, terms, original);
  const opened = openBound(policy, decisions[0], terms, judging);
  const { outcome, args } = opened.decision;
  if (decisions.length !== 1 || outcome !== "edit" || args === undefined) throw new BulkheadError("approval.invalid");
  const expected = { ...original, callId: editIdOf(original.callId), args };
  if (canonical(expected) !== canonical(action)) throw new BulkheadError("approval.invalid");
  return opened;
}

/** The call id under which a call is undone. */
export function undoIdOf(callId: string): string {
  return `${callId}u`;
}

/** The call id of the next version of a call whose arguments a person changed. */
export function editIdOf(callId: string): string {
  const [, base = callId, round = "0"] = /^(.*?)(?:e(\d+))?$/.exec(callId) ?? [];
  return `${base}e${Number(round) + 1}`;
}

/** Whether a call id is one that an agent may ask under: neither an undo's nor an edited call's, which follow from a person's decision. */
export function isAskedId(callId: string): boolean {
  return /\.\d+$/.test(callId);
}

/** Opens a decision about these terms. @throws BulkheadError `approval.invalid` */
export function openBound(
  policy: LoadedPolicy,
  envelope: Envelope | undefined,
  terms: ProposalTerms,
  { revoked }: Pick<Judging, "revoked">,
): OpenedDecision {
  const opened = openDecision(policy, envelope, revoked);
  const { proposal, digest, action } = opened.decision;
  const bound = proposal === terms.id && sameDigest(digest, termsDigest(terms)) && sameDigest(action, terms.action);
  if (!bound) throw new BulkheadError("approval.invalid");
  return opened;
}

/** Whose word counts no longer, by the control state. */
export function revokedOf({ values }: Pick<ControlFacts, "values">): ReadonlySet<string> {
  const value = values.get("revoked");
  return new Set(value?.kind === "revoked" ? value.operators : []);
}

/** The outcomes that keep a call from running, whoever swallows them, and whatever terms it comes back under. */
export const STOPPING: readonly Outcome[] = ["deny", "cancel"];

function assertTerms(policy: LoadedPolicy, terms: ProposalTerms, action: Action): void {
  if (!sameDigest(terms.action, actionDigest(action)) || terms.tool !== action.tool)
    throw new BulkheadError("approval.invalid");
  if (terms.policyEpoch !== policy.epoch || action.policyEpoch !== policy.epoch)
    throw new BulkheadError("policy.epoch");
}
