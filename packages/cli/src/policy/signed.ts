import { readFile, rename, writeFile } from "node:fs/promises";
import { canonical, isBulkheadError, parseJson, sign } from "@bulkhead/core";
import { type LoadedPolicy, verifyPolicy } from "@bulkhead/policy";
import type { Policy } from "@bulkhead/schemas";
import { CliError, EXIT } from "../errors.ts";
import { complete, type Draft, identitiesOfDraft } from "./compile.ts";
import { type Change, diffPolicies } from "./diff.ts";
import { ADMIN, ensureAdminKey, ensureTrust } from "./keys.ts";
import { makeStateFolders, type Project } from "./project.ts";

const MAX_POLICY_BYTES = 8 * 1024 * 1024;

/** The signed policy of a project and who signed it. */
export interface SignedPolicy {
  readonly loaded: LoadedPolicy;
  /** The admin's public key. */
  readonly adminKey: string;
}

/** Reads and verifies the signed policy; undefined if nobody has signed one. @throws CliError if the signature does not hold */
export async function readSigned(project: Project): Promise<SignedPolicy | undefined> {
  const bytes = await readFile(project.signedPolicyFile).catch(() => undefined);
  if (bytes === undefined) return undefined;
  const adminKey = (await readFile(project.adminKeyFile, "utf8").catch(() => "")).trim();
  try {
    return { loaded: verifyPolicy(parseJson(bytes, { maxBytes: MAX_POLICY_BYTES }), adminKey), adminKey };
  } catch (cause) {
    const why = isBulkheadError(cause) ? cause.message : String(cause);
    throw new CliError(`The signed policy does not hold: ${why} Sign it again: npx bulkhead sign`, EXIT.usage, {
      cause,
    });
  }
}

/** A draft beside what is signed: what would change. Empty = the signature covers it. */
export async function changesSinceSigned(project: Project, draft: Draft): Promise<readonly Change[]> {
  const signed = await readSigned(project);
  const before = signed?.loaded.policy;
  const trust = await trustOf(project, draft);
  if (before !== undefined && canonical({ ...before, signedAt: 0 }) === canonical(complete(draft, trust, 0))) return [];
  return diffPolicies(before, complete(draft, trust, 0));
}

/** Signs a draft with the admin's key and keeps it. Replaces the file in one step. */
export async function signDraft(project: Project, draft: Draft, now: number = Date.now()): Promise<SignedPolicy> {
  const trust = await trustOf(project, draft);
  const key = await ensureAdminKey(project);
  const envelope = sign(key, ADMIN, "policy", withoutUndefined(complete(draft, trust, now)));
  await writeFile(project.adminKeyFile, `${key.publicKey}\n`);
  const next = `${project.signedPolicyFile}.next`;
  await writeFile(next, `${JSON.stringify(envelope)}\n`, { mode: 0o600 });
  await rename(next, project.signedPolicyFile);
  return { loaded: verifyPolicy(envelope, key.publicKey), adminKey: key.publicKey };
}

async function trustOf(project: Project, draft: Draft): Promise<Policy["trust"]> {
  await makeStateFolders(project);
  return await ensureTrust(project, identitiesOfDraft(draft));
}

function withoutUndefined(policy: Policy): unknown {
  return JSON.parse(JSON.stringify(policy)) as unknown;
}
