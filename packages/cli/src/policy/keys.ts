/**
 * Owns: the key files of a project: one per identity, made when the policy is compiled.
 * Does not own: who may do what with them (the contracts and the policy).
 * Invariants: a key that is there is never replaced; files have mode 0600, their folder 0700; the admin's key is no
 * identity of the bus and is in nobody's trust.
 */
import { existsSync } from "node:fs";
import { busPublicKey, createBusKey, PROVISIONER } from "@bulkhead/bus";
import {
  generateIdentity,
  type Identity,
  newSeed,
  readIdentity,
  type SigningKey,
  signingKey,
  writeIdentity,
} from "@bulkhead/core";
import type { Policy } from "@bulkhead/schemas";
import { keyFile, type Project } from "./project.ts";

/** The services that are there once, by identity. */
export const CORE_IDENTITIES = ["tasks", "gateway", "proposals", "watchdog", "models", "ledger", "memory"] as const;
const WITH_DATABASE: ReadonlySet<string> = new Set(["tasks", "proposals", "watchdog", "models", "ledger", "memory"]);
/** The name of the key that signs the policy. */
export const ADMIN = "admin";

/** Every identity of a policy with these agents, tool sets, operators and clients. */
export function identitiesOf(policy: Pick<Policy, "agents" | "toolsets" | "operators" | "clients">): string[] {
  const named = (prefix: string, names: object): string[] => Object.keys(names).map((name) => `${prefix}-${name}`);
  return [
    ...CORE_IDENTITIES,
    PROVISIONER,
    ...named("host", policy.agents),
    ...named("exec", policy.toolsets),
    ...named("operator", policy.operators),
    ...named("client", policy.clients),
  ];
}

/** Whether an identity has a database of its own. */
export function hasDatabase(identity: string): boolean {
  return WITH_DATABASE.has(identity) || identity.startsWith("exec-");
}

/** Makes the keys that are missing, and gives the public keys of all. @throws BulkheadError `credential.mode` if others may read one */
export async function ensureTrust(project: Project, identities: readonly string[]): Promise<Policy["trust"]> {
  const entries = await Promise.all(
    identities.map(async (identity) => {
      const keys = await ensureIdentity(project, identity);
      return [identity, { signing: signingKey(keys.signingSeed).publicKey, bus: busPublicKey(keys.busSeed) }] as const;
    }),
  );
  return Object.fromEntries(entries);
}

/** The admin's signing key: made if it is not there. */
export async function ensureAdminKey(project: Project): Promise<SigningKey> {
  return signingKey((await ensureIdentity(project, ADMIN)).signingSeed);
}

async function ensureIdentity(project: Project, identity: string): Promise<Identity> {
  const file = keyFile(project, identity);
  if (!existsSync(file)) await make(file, identity);
  return await readIdentity(file);
}

async function make(file: string, identity: string): Promise<void> {
  const mongo = hasDatabase(identity) ? { user: identity, password: newSeed() } : undefined;
  await writeIdentity(file, generateIdentity(identity, createBusKey().seed, mongo)).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  });
}
