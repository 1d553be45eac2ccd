/**
 * Owns: reading what services sign for a call: lease and grant; the digests that people and services sign.
 * Does not own: deciding (`decide`), operators' decisions (`approvals`).
 * Invariants: S2: all grants are the same bytes over the same action, from distinct issuers, valid now.
 */
import { BulkheadError, canonical, digest, sameDigest } from "@bulkhead/core";
import { type Action, Grant, Lease, type ProposalTerms } from "@bulkhead/schemas";
import type { LoadedPolicy } from "./load.ts";
import { bodyOf } from "./opened.ts";

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
  if (lease.principal !== action.principal || action.undoes !== undefined) throw new BulkheadError("lease.invalid");
  assertRuns(policy, action);
}

/** Checks that an action is one that this policy can mean, whoever asks. @throws BulkheadError `policy.epoch`, `tool.unknown`, `tool.hash`, `args.invalid` */
export function assertRuns(policy: LoadedPolicy, action: Action): void {
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
