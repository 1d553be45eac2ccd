import { BulkheadError, newSeed, sign, signingKey } from "@bulkhead/core";
import { Action, type Grant, type Policy, ProposalTerms } from "@bulkhead/schemas";
import { describe, expect, it } from "vitest";
import {
  actionDigest,
  assertLeaseFits,
  openGrants,
  openLease,
  termsDigest,
  verifyApproval,
  verifyPolicy,
} from "./index.ts";

const NOW = Date.UTC(2026, 0, 15);
const clock = { now: () => NOW, monotonic: () => 0 };
const IDENTITIES = ["tasks", "gateway", "watchdog", "models", "operator-ana", "operator-ben", "exec-mail"] as const;
const keys = Object.fromEntries(IDENTITIES.map((name) => [name, signingKey(newSeed())])) as Record<
  (typeof IDENTITIES)[number],
  ReturnType<typeof signingKey>
>;
const admin = signingKey(newSeed());
const HASH = `sha256:${"0".repeat(64)}`;

const body: Policy = {
  v: 1,
  name: "test",
  signedAt: NOW,
  agents: {
    inbox: {
      name: "inbox",
      purpose: "",
      modelClass: "small",
      tools: { "mail-send": { tier: "CONFIRM" } },
      ceiling: "AUTO",
      limits: { steps: 1, calls: 1, tokens: 1, wallMs: 1, depth: 0 },
      dailyMicros: 1,
      concurrency: 1,
    },
  },
  tools: {
    "mail-send": {
      name: "mail-send",
      connection: "mail",
      operation: "send",
      toolset: "mail",
      description: "",
      effects: ["out"],
      reads: [],
      inputSchema: {
        type: "object",
        properties: { to: { type: "string" } },
        required: ["to"],
        additionalProperties: false,
      },
      roles: {},
      adapter: { kind: "builtin" },
      credentials: [],
      egress: [],
      timeoutMs: 1,
      hash: HASH,
    },
  },
  toolsets: {},
  operators: {
    ana: { name: "ana", person: "ana", roles: ["approver"] },
    ben: { name: "ben", person: "ben", roles: ["viewer"] },
  },
  clients: {},
  trust: Object.fromEntries(
    IDENTITIES.map((name) => [name, { signing: keys[name].publicKey, bus: `U${"A".repeat(55)}` }]),
  ),
  models: { currency: "EUR", priceVersion: "1", classes: {} },
  dailyMicros: 1,
  approval: { timeoutMs: 1, onTimeout: "deny", maxPendingPerAgent: 1 },
  retention: { contentMs: 1, taskMs: 1, streamMs: 1 },
  mode: "enforce",
};

const signPolicy = (policy: unknown) => sign(admin, "admin", "policy", policy, { clock });
const policy = verifyPolicy(signPolicy(body), admin.publicKey);
const code = (value: string): unknown => expect.objectContaining({ code: value });

const action = Action.parse({
  v: 1,
  agent: "inbox",
  principal: "operator-ana",
  task: "t1",
  callId: "t1.1.0",
  tool: "mail-send",
  toolHash: HASH,
  args: { to: "a@b.example" },
  policyEpoch: policy.epoch,
});
const grant: Grant = {
  v: 1,
  action: actionDigest(action),
  agent: "inbox",
  task: "t1",
  callId: "t1.1.0",
  tool: "mail-send",
  tier: "CONFIRM",
  labels: [],
  policyEpoch: policy.epoch,
  notBefore: NOW,
  expiresAt: NOW + 60_000,
};
const terms = ProposalTerms.parse({
  v: 1,
  id: "p1",
  action: actionDigest(action),
  tool: "mail-send",
  mode: "ask",
  tier: "CONFIRM",
  policyEpoch: policy.epoch,
  expiresAt: NOW + 1000,
  nonce: "A".repeat(22),
});
const decision = { v: 1, proposal: "p1", digest: termsDigest(terms), action: terms.action, outcome: "approve" };
const signed = (issuer: keyof typeof keys, type: string, value: unknown) =>
  sign(keys[issuer], issuer, type, value, { clock });

describe("verifyPolicy", () => {
  it("gives look-ups, keys and argument checks", () => {
    expect(policy.keyOf("gateway")).toBe(keys.gateway.publicKey);
    expect(policy.keyOf("constructor")).toBeUndefined();
    expect(policy.tool("constructor")).toBeUndefined();
    policy.checkArgs("mail-send", { to: "x" });
    for (const args of [{}, { to: 1 }, { to: "x", bcc: "y" }, [], null])
      expect(() => {
        policy.checkArgs("mail-send", args);
      }).toThrow(code("args.invalid"));
    expect(() => {
      (policy.policy as { mode: string }).mode = "observe";
    }).toThrow(TypeError);
  });

  it("TIER-01: refuses another signer, another type, a changed body, and an empty policy", () => {
    const envelope = signPolicy(body);
    expect(() => verifyPolicy(envelope, keys.gateway.publicKey)).toThrow(code("policy.signature"));
    expect(() => verifyPolicy({ ...envelope, body: { ...body, mode: "observe" } }, admin.publicKey)).toThrow(
      code("policy.signature"),
    );
    expect(() => verifyPolicy(sign(admin, "admin", "grant", body), admin.publicKey)).toThrow(code("policy.signature"));
    expect(() => verifyPolicy(signPolicy({ ...body, agents: {} }), admin.publicKey)).toThrow(code("policy.empty"));
    expect(() => verifyPolicy(signPolicy({ ...body, surprise: 1 }), admin.publicKey)).toThrow(code("policy.invalid"));
  });

  it("changes its epoch with any change", () => {
    expect(verifyPolicy(signPolicy({ ...body, dailyMicros: 2 }), admin.publicKey).epoch).not.toBe(policy.epoch);
    expect(verifyPolicy(signPolicy(structuredClone(body)), admin.publicKey).epoch).toBe(policy.epoch);
  });
});

describe("grants", () => {
  const both = [signed("gateway", "grant", grant), signed("watchdog", "grant", grant)];

  it("are the same bytes from distinct issuers over this action", () => {
    expect([...openGrants(policy, both, action, NOW).issuers]).toEqual(["gateway", "watchdog"]);
    expect(() => openGrants(policy, [], action, NOW)).toThrow(code("signature.missing"));
    expect(() => openGrants(policy, [both[0], both[0]], action, NOW)).toThrow(code("grant.invalid"));
    const other = signed("watchdog", "grant", { ...grant, tier: "AUTO" });
    expect(() => openGrants(policy, [both[0], other], action, NOW)).toThrow(code("grant.invalid"));
    expect(() => openGrants(policy, [signed("models", "grant", grant)], action, NOW)).toThrow(code("grant.invalid"));
  });

  it("PROP-02, PROP-03: fall with any changed field of the action", () => {
    const changes: Partial<Action>[] = [
      { args: { to: "evil@b.example" } },
      { principal: "operator-ben" },
      { callId: "t1.1.1" },
      { task: "t2" },
      { agent: "other" },
      { toolHash: `sha256:${"1".repeat(64)}` },
    ];
    for (const change of changes)
      expect(() => openGrants(policy, both, { ...action, ...change }, NOW)).toThrow(code("digest.mismatch"));
  });

  it("hold only for their time", () => {
    expect(() => openGrants(policy, both, action, NOW + 60_000)).toThrow(code("grant.expired"));
    expect(() => openGrants(policy, both, action, NOW - 60_000)).toThrow(code("grant.expired"));
  });
});

describe("approvals (S3)", () => {
  const verify =
    (value: unknown, now = NOW, about = action) =>
    () =>
      verifyApproval(policy, value, about, { now, revoked: new Set() });

  it("PROP-06, PROP-07: are an approver's own signature over these terms", () => {
    expect(verify({ terms, decisions: [signed("operator-ana", "decision", decision)] })()).toEqual({
      kind: "approved",
      operators: ["operator-ana"],
    });
    for (const issuer of ["operator-ben", "gateway", "exec-mail"] as const)
      expect(verify({ terms, decisions: [signed(issuer, "decision", decision)] })).toThrow(code("approval.invalid"));
  });

  it("S3: cannot be transplanted, replayed late, or made from a denial (ATT-001 to ATT-003)", () => {
    const approve = signed("operator-ana", "decision", decision);
    const changedTerms = { ...terms, expiresAt: NOW + 9999 };
    expect(verify({ terms: changedTerms, decisions: [approve] })).toThrow(code("approval.invalid"));
    expect(verify({ terms, decisions: [approve] }, NOW, { ...action, args: { to: "y" } })).toThrow(
      code("approval.invalid"),
    );
    expect(verify({ terms, decisions: [approve] }, NOW + 1001)).toThrow(code("approval.expired"));
    expect(
      verify({ terms, decisions: [signed("operator-ana", "decision", { ...decision, outcome: "deny" })] }),
    ).toThrow(code("approval.denied"));
    expect(
      verify({ terms, decisions: [{ ...approve, body: { ...decision, outcome: "approve", reason: "x" } }] }),
    ).toThrow(code("approval.invalid"));
  });
});

describe("leases", () => {
  const lease = {
    v: 1,
    agent: "inbox",
    task: "t1",
    epoch: 1,
    expiresAt: NOW + 1,
    textDigest: HASH,
    principal: "operator-ana",
    ceiling: "AUTO",
    depth: 0,
  };

  it("come from tasks alone, and end", () => {
    expect(openLease(policy, signed("tasks", "lease", lease), NOW)).toEqual(lease);
    expect(() => openLease(policy, signed("gateway", "lease", lease), NOW)).toThrow(code("lease.invalid"));
    expect(() => openLease(policy, signed("tasks", "lease", lease), NOW + 1)).toThrow(code("lease.expired"));
  });

  it("cover only calls of their own task", () => {
    const opened = openLease(policy, signed("tasks", "lease", lease), NOW);
    assertLeaseFits(opened, action);
    for (const change of [{ task: "t2" }, { agent: "other" }, { callId: "t2.1.0" }])
      expect(() => {
        assertLeaseFits(opened, { ...action, ...change });
      }).toThrow(BulkheadError);
  });
});
