import { busPublicKey } from "@bulkhead/bus";
import { digest, type Identity, newSeed, sign, signingKey } from "@bulkhead/core";
import type { Policy } from "@bulkhead/schemas";

const DAY_MS = 86_400_000;

/** A small, whole policy that trusts these identities. */
export function smallPolicy(identities: readonly Identity[], changes: Partial<Policy> = {}): Policy {
  const trust = identities.map((one) => [
    one.identity,
    { signing: signingKey(one.signingSeed).publicKey, bus: busPublicKey(one.busSeed) },
  ]);
  return {
    v: 1,
    name: "test",
    signedAt: 0,
    agents: { inbox: inbox() },
    tools: { "notes-list": notesList() },
    toolsets: { local: { name: "local", connections: [], credentials: [] } },
    operators: { ana: { name: "ana", person: "ana", roles: ["viewer", "approver", "admin"] } },
    clients: {},
    trust: Object.fromEntries(trust) as Policy["trust"],
    models: { currency: "EUR", priceVersion: "1", classes: {} },
    dailyMicros: 1_000_000,
    approval: { timeoutMs: DAY_MS, onTimeout: "deny", maxPendingPerAgent: 100 },
    retention: { contentMs: DAY_MS, taskMs: DAY_MS, streamMs: DAY_MS },
    mode: "enforce",
    ...changes,
  };
}

function inbox(): Policy["agents"][string] {
  return {
    name: "inbox",
    purpose: "A test.",
    modelClass: "small",
    tools: { "notes-list": { tier: "AUTO" } },
    ceiling: "AUTO",
    limits: { steps: 10, calls: 10, tokens: 10_000, wallMs: 60_000, depth: 1 },
    dailyMicros: 1_000_000,
    concurrency: 2,
  };
}

function notesList(): Policy["tools"][string] {
  return {
    name: "notes-list",
    connection: "notes",
    operation: "list",
    toolset: "local",
    description: "Lists notes.",
    effects: [],
    reads: [],
    inputSchema: { type: "object", properties: {}, additionalProperties: false },
    roles: {},
    adapter: { kind: "builtin" },
    credentials: [],
    egress: [],
    timeoutMs: 1_000,
    hash: digest("tool", "notes-list"),
  };
}

/** The policy as an admin signed it, and that admin's public key. */
export function signedPolicy(policy: Policy, seed = newSeed()) {
  const key = signingKey(seed);
  return { seed, adminKey: key.publicKey, envelope: sign(key, "admin", "policy", policy) };
}
