/**
 * Owns: reading the signed things that a call travels with: lease, grant, decision, approval.
 * Does not own: deciding (`decide`), replay of decisions (consumers keep what they have heard).
 * Invariants: S2: all grants are the same bytes over the same action, from distinct issuers, valid now. S3: an approval is
 * one operator's own signature over the digest of terms that name exactly this action, under this policy, in time.
 */
import { BulkheadError, canonical, digest, type ErrorCode, open, sameDigest } from "@bulkhead/core";
import { type Action, Approval, Decision, Grant, Lease, ProposalTerms } from "@bulkhead/schemas";
import type { z } from "zod";
import type { LoadedPolicy } from "./load.ts";

const OPERATOR = "operator-";
const CLOCK_SKEW_MS = 2_000;

/** The digest of an action (PROP-02). */
export function actionDigest(action: Action): string {
  return digest("action", action);
}

/** The digest that an operator signs. */
export function termsDigest(terms: ProposalTerms): string {
  return digest("proposal", terms);
}

/** Opens a lease that `tasks` signed. @throws BulkheadError `lease.invalid|expired` */
export function openLease(policy: LoadedPolicy, envelope: unknown, now: number): Lease {
  const lease = bodyOf(policy, envelope, "lease", Lease, (issuer) => issuer === "tasks", "lease.invalid");
  if (lease.expiresAt <= now) throw new BulkheadError("lease.expired");
  return lease;
}

/** Checks that a lease covers a call. @throws BulkheadError `lease.invalid` */
export function assertLeaseFits(
  lease: Lease,
  call: { readonly agent: string; readonly task: string; readonly callId: string },
): void {
  const fits = lease.agent === call.agent && lease.task === call.task && call.callId.startsWith(`${call.task}.`);
  if (!fits) throw new BulkheadError("lease.invalid");
}

/**
 * Checks that an action is one that this policy and lease can mean: epoch, tool code, arguments, principal, task.
 *
 * @throws BulkheadError `policy.epoch`, `lease.invalid`, `tool.unknown`, `tool.hash`, `args.invalid`
 */
export function assertAction(policy: LoadedPolicy, action: Action, lease: Lease): void {
  assertLeaseFits(lease, action);
  if (lease.principal !== action.principal) throw new BulkheadError("lease.invalid");
  if (action.policyEpoch !== policy.epoch) throw new BulkheadError("policy.epoch");
  const tool = policy.tool(action.tool);
  if (tool === undefined) throw new BulkheadError("tool.unknown", `(${action.tool})`);
  if (tool.hash !== action.toolHash) throw new BulkheadError("tool.hash");
  policy.checkArgs(action.tool, action.args);
}

/** Opens a grant of one of these issuers and checks that it is over this action and valid now. @throws BulkheadError `grant.*`, `digest.mismatch` */
export function openGrant(
  policy: LoadedPolicy,
  envelope: unknown,
  issuers: readonly string[],
  action: Action,
  now: number,
): { readonly grant: Grant; readonly issuer: string } {
  const { issuer } = (typeof envelope === "object" && envelope !== null ? envelope : {}) as { issuer?: unknown };
  const grant = bodyOf(policy, envelope, "grant", Grant, (name) => issuers.includes(name), "grant.invalid");
  assertGrantFits(policy, grant, action);
  if (now < grant.notBefore - CLOCK_SKEW_MS || now >= grant.expiresAt) throw new BulkheadError("grant.expired");
  return { grant, issuer: String(issuer) };
}

/** Opens all grants of a call. They must be the same bytes, each by another issuer. @throws BulkheadError as `openGrant` */
export function openGrants(
  policy: LoadedPolicy,
  envelopes: readonly unknown[],
  action: Action,
  now: number,
): { readonly grant: Grant; readonly issuers: ReadonlySet<string> } {
  const opened = envelopes.map((envelope) => openGrant(policy, envelope, ["gateway", "watchdog"], action, now));
  const issuers = new Set(opened.map(({ issuer }) => issuer));
  const [grant, ...others] = opened.map((one) => one.grant);
  if (grant === undefined) throw new BulkheadError("signature.missing");
  const same = others.every((other) => canonical(other) === canonical(grant));
  if (!same || issuers.size !== opened.length)
    throw new BulkheadError("grant.invalid", "(the signatures are not over the same grant)");
  return { grant, issuers };
}

/** Opens an operator's decision: signed by an operator whom the policy lets approve. @throws BulkheadError `approval.invalid` */
export function openDecision(
  policy: LoadedPolicy,
  envelope: unknown,
): { readonly decision: Decision; readonly operator: string; readonly at: number } {
  const opened = refusing("approval.invalid", () =>
    open(envelope, {
      type: "decision",
      keyOf: (issuer) => (mayApprove(policy, issuer) ? policy.keyOf(issuer) : undefined),
    }),
  );
  return { decision: parse(Decision, opened.body, "approval.invalid"), operator: opened.issuer, at: opened.at };
}

/**
 * Verifies that a person approved exactly this action. Who approved, and when.
 *
 * @throws BulkheadError `approval.invalid|denied|expired`, `policy.epoch`
 */
export function verifyApproval(
  policy: LoadedPolicy,
  approval: unknown,
  action: Action,
  now: number,
): { readonly operator: string; readonly at: number } {
  const { terms, decision: envelope } = parse(Approval, approval, "approval.invalid");
  const { decision, operator, at } = openDecision(policy, envelope);
  const bound = decision.proposal === terms.id && sameDigest(decision.digest, termsDigest(terms));
  if (!bound || !sameDigest(terms.action, actionDigest(action)) || terms.tool !== action.tool)
    throw new BulkheadError("approval.invalid");
  if (terms.policyEpoch !== policy.epoch || action.policyEpoch !== policy.epoch)
    throw new BulkheadError("policy.epoch");
  if (decision.outcome !== "approve") throw new BulkheadError("approval.denied");
  if (at > terms.expiresAt || now > terms.expiresAt) throw new BulkheadError("approval.expired");
  return { operator, at };
}

/** Whether an identity is an operator whom the policy lets approve. */
export function mayApprove(policy: LoadedPolicy, identity: string): boolean {
  const name = identity.slice(OPERATOR.length);
  const { operators } = policy.policy;
  return (
    identity.startsWith(OPERATOR) &&
    Object.hasOwn(operators, name) &&
    operators[name]?.roles.includes("approver") === true
  );
}

function assertGrantFits(policy: LoadedPolicy, grant: Grant, action: Action): void {
  if (!sameDigest(grant.action, actionDigest(action))) throw new BulkheadError("digest.mismatch");
  if (grant.policyEpoch !== policy.epoch || action.policyEpoch !== policy.epoch)
    throw new BulkheadError("policy.epoch");
  const fits =
    grant.agent === action.agent &&
    grant.task === action.task &&
    grant.callId === action.callId &&
    grant.tool === action.tool;
  if (!fits) throw new BulkheadError("grant.invalid");
}

function bodyOf<S extends z.ZodType>(
  policy: LoadedPolicy,
  envelope: unknown,
  type: string,
  schema: S,
  allowed: (issuer: string) => boolean,
  code: ErrorCode,
): z.output<S> {
  const keyOf = (issuer: string): string | undefined => (allowed(issuer) ? policy.keyOf(issuer) : undefined);
  return parse(schema, refusing(code, () => open(envelope, { type, keyOf })).body, code);
}

function parse<S extends z.ZodType>(schema: S, value: unknown, code: ErrorCode): z.output<S> {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new BulkheadError(code, undefined, { cause: parsed.error });
  return parsed.data;
}

function refusing<T>(code: ErrorCode, run: () => T): T {
  try {
    return run();
  } catch (cause) {
    throw new BulkheadError(code, undefined, { cause });
  }
}
