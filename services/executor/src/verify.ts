/**
 * Owns: which signatures a call needs, and whether they are there, over the very arguments that will run.
 * Does not own: once-ness (claims), the decision itself (gateway, watchdog, operator).
 * Invariants: S2: the tier is the maximum of the signed one and the floor computed from this process's own policy, labels
 * and control; S3: the digest is recomputed from the frozen arguments that the adapter gets, never taken from the message;
 * S4, S5: what is not named, blocked, stale or of another epoch is refused.
 */
import { BulkheadError, digest, sameDigest } from "@bulkhead/core";
import {
  actionDigest,
  floor,
  openGrants,
  rankOf,
  revokedOf,
  termsDigest,
  verifyApproval,
  verifyUndo,
} from "@bulkhead/policy";
import type { Action, ExecRequest, Grant } from "@bulkhead/schemas";
import type { LoadedTool, Parts, PermittedCall } from "./parts.ts";

/** The tool of a call, and of the call that it undoes. */
export interface Loaded {
  readonly loaded: LoadedTool;
  readonly undone?: LoadedTool | undefined;
}

/** Checks everything that needs no waiting but the labels, which are read meanwhile. @throws BulkheadError with the refusal */
export async function verifyCall(
  { runtime }: Parts,
  { loaded, undone }: Loaded,
  request: ExecRequest,
): Promise<PermittedCall> {
  const { action, original, before } = request;
  const { policy, clock } = runtime;
  const reading = loaded.contract.effects.length === 0 ? Promise.resolve([]) : runtime.labels.of(action.task);
  reading.catch(() => undefined);
  if (action.policyEpoch !== policy.epoch) throw new BulkheadError("policy.epoch");
  if (!sameDigest(action.toolHash, loaded.contract.hash)) throw new BulkheadError("tool.hash");
  if (!action.callId.startsWith(`${action.task}.`))
    throw new BulkheadError("grant.invalid", "(the call is of another task)");
  checkArguments(loaded, action, () => {
    policy.checkArgs(action.tool, action.args);
  });
  const { grant, issuers } = openGrants(policy, request.grants, action, clock.now());
  const labels = await reading;
  const undoes = undone && original && { undone: permitted(undone, original, { grant, labels }) };
  const call = { ...permitted(loaded, action, { grant, labels }), ...undoes, ...(before !== undefined && { before }) };
  const signers = assertFloor(runtime, call);
  for (const signer of ["gateway", "watchdog"] as const)
    if (signers.includes(signer) && !issuers.has(signer)) throw new BulkheadError("signature.missing", `(${signer})`);
  const proposed = signers.includes("operator") || grant.tier === "PROPOSE";
  return proposed ? { ...call, proposal: proposalOf(runtime, request, grant) } : call;
}

/**
 * A call that is only asked about: nothing will run, so the gateway's signature over the action suffices.
 *
 * @throws BulkheadError `grant.*`, `digest.mismatch`, `policy.epoch`
 */
export function verifyRecall(
  { runtime }: Parts,
  { loaded, undone }: Loaded,
  { action, grants, original }: ExecRequest,
): PermittedCall {
  const { grant } = openGrants(runtime.policy, grants, action, runtime.clock.now());
  const facts = { grant, labels: grant.labels };
  const undoes = undone && original && { undone: permitted(undone, original, facts) };
  return { ...permitted(loaded, action, facts), ...undoes };
}

/** The floor, as of now. @throws BulkheadError when the call may no longer run at the tier that was signed */
export function assertFloor(runtime: Parts["runtime"], { action, grant, labels, undone }: PermittedCall) {
  const facts = { policy: runtime.policy, labels, control: runtime.control.view(), now: runtime.clock.now() };
  const undoing = action.undoes === undefined ? {} : { undoing: undone?.action.tool ?? "" };
  const own = floor({ agent: action.agent, tool: action.tool, signedTier: grant.tier, ...undoing }, facts);
  if (own.outcome === "deny") throw new BulkheadError(own.code);
  if (rankOf(own.tier) > rankOf(grant.tier)) throw new BulkheadError("tier.raised", `(${own.tier})`);
  return own.signers;
}

/** The digest of a call's frozen action, and what follows from it. */
function permitted(loaded: LoadedTool, action: Action, facts: Pick<PermittedCall, "grant" | "labels">): PermittedCall {
  const own = actionDigest(action);
  const effectId = `e-${digest("effect", own).slice("sha256:".length, "sha256:".length + 32)}`;
  return { loaded, action, ...facts, digest: own, effectId };
}

function checkArguments({ tool }: LoadedTool, action: Action, byPolicy: () => void): void {
  byPolicy();
  if (!tool.input.safeParse(action.args).success) throw new BulkheadError("args.invalid");
}

/** The proposal that this call is of: its persons' own signatures verified over exactly this action, or over the one that it undoes. */
function proposalOf(runtime: Parts["runtime"], { approval, action, original }: ExecRequest, grant: Grant): string {
  const { policy, clock, control } = runtime;
  if (approval === undefined) throw new BulkheadError("signature.missing", "(operator)");
  const judging = { now: clock.now(), revoked: revokedOf(control.view()) };
  if (action.undoes === undefined) {
    const { kind } = verifyApproval(policy, approval, action, judging);
    if (kind === "released" && grant.tier !== "PROPOSE") throw new BulkheadError("signature.missing", "(operator)");
  } else {
    if (original === undefined) throw new BulkheadError("undo.invalid");
    verifyUndo(policy, { action, original, approval }, judging);
  }
  if (grant.proposal === undefined || !sameDigest(grant.proposal, termsDigest(approval.terms)))
    throw new BulkheadError("approval.invalid");
  return approval.terms.id;
}

/** Freezes a value all the way down: what was verified cannot be changed before it runs. */
export function frozen<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  Object.values(value).forEach(frozen);
  return Object.freeze(value);
}
