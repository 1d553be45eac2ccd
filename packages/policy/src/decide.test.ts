import { digest } from "@bulkhead/core";
import { type ControlValue, type Effect, type Label, type Policy, TIERS, type Tier } from "@bulkhead/schemas";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type CallQuestion, decide, type Facts, floor, loadPolicy, rankOf, signersFor } from "./index.ts";

const NOW = Date.UTC(2026, 0, 15, 12);
const HASH = digest("tool", "x");

interface Setting {
  readonly declared: Tier;
  readonly agentCeiling: Tier;
  readonly leaseCeiling: Tier;
  readonly effects: readonly Effect[];
  readonly exception: "none" | "valid" | "expired";
  readonly policyMode: "enforce" | "observe";
  readonly labels: readonly Label[];
  readonly fresh: boolean;
  readonly approved: boolean;
  readonly stop: "none" | "all" | "agent" | "tool" | "toolset" | "other";
  readonly quarantine: "none" | "agent" | "other";
  readonly breaker: "none" | "closed" | "half-open" | "open";
  readonly budget: "none" | "left" | "exhausted" | "yesterday";
  readonly mode: "none" | "enforce" | "observe";
  /** The way back that the tool has; `unrehearsed` is one that another version of the tool rehearsed. */
  readonly rollback: "none" | "hold" | "rehearsed" | "unrehearsed";
}

const calm: Setting = {
  declared: "AUTO",
  agentCeiling: "AUTO",
  leaseCeiling: "AUTO",
  effects: [],
  exception: "none",
  policyMode: "enforce",
  labels: [],
  fresh: true,
  approved: false,
  stop: "none",
  quarantine: "none",
  breaker: "none",
  budget: "none",
  mode: "none",
  rollback: "none",
};

const question = (setting: Setting): CallQuestion => ({
  agent: "inbox",
  tool: "mail-send",
  ceiling: setting.leaseCeiling,
});

function policyOf(s: Setting): Policy {
  const exception = { owner: "Ana", reason: "tested", expiresAt: s.exception === "valid" ? NOW + 1 : NOW };
  return {
    v: 1,
    name: "test",
    signedAt: NOW,
    agents: {
      inbox: {
        name: "inbox",
        purpose: "test",
        modelClass: "small",
        tools: { "mail-send": { tier: s.declared, ...(s.exception !== "none" && { exception }) } },
        ceiling: s.agentCeiling,
        limits: { steps: 1, calls: 1, tokens: 1, wallMs: 1, depth: 0 },
        dailyMicros: 1,
        concurrency: 1,
      },
    },
    tools: {
      "mail-send": { ...toolOf(s.effects), ...wayBack(s) },
      "mail-other": { ...toolOf([]), name: "mail-other" },
    },
    rehearsals: { "mail-send": s.rollback === "rehearsed" ? HASH : digest("tool", "before") },
    toolsets: {},
    operators: {},
    clients: {},
    trust: {},
    models: { currency: "EUR", priceVersion: "1", classes: {} },
    dailyMicros: 1,
    approval: { timeoutMs: 1, onTimeout: "deny", maxPendingPerAgent: 1 },
    retention: { contentMs: 1, taskMs: 1, streamMs: 1 },
    mode: s.policyMode,
  };
}

function wayBack({ rollback }: Setting): Pick<Policy["tools"][string], "rollback"> {
  if (rollback === "none") return {};
  return { rollback: rollback === "hold" ? { mode: "hold" } : { mode: "compensate", tool: "mail-other" } };
}

function toolOf(effects: readonly Effect[]): Policy["tools"][string] {
  return {
    name: "mail-send",
    connection: "mail",
    operation: "send",
    toolset: "mail",
    description: "",
    effects: [...effects],
    reads: [],
    inputSchema: {
      type: "object",
      properties: { to: { type: "string" } },
      required: ["to"],
      additionalProperties: false,
    },
    roles: { to: "recipient" },
    adapter: { kind: "builtin" },
    credentials: [],
    egress: [],
    timeoutMs: 1,
    hash: HASH,
  };
}

function controlOf(s: Setting): ReadonlyMap<string, ControlValue> {
  const names: Readonly<Record<string, string>> = { agent: "inbox", tool: "mail-send", toolset: "mail" };
  const scope = { kind: s.stop === "other" ? "agent" : s.stop, name: names[s.stop] ?? "x" };
  const stops = [{ id: "s1", scope: s.stop === "all" ? { kind: "all" } : scope, reason: "", at: NOW }];
  const scopes = [{ kind: "agent", name: s.quarantine === "other" ? "x" : "inbox" }];
  const day = s.budget === "yesterday" ? "2026-01-14" : "2026-01-15";
  const spend = { day, spentMicros: 1, reservedMicros: 0, capMicros: 1, exhausted: s.budget !== "left" };
  return new Map(
    Object.entries({
      watchdog: { kind: "beat", revision: 1, at: NOW },
      ...(s.stop !== "none" && { stop: { kind: "stop", stops, lifts: [] } }),
      ...(s.quarantine !== "none" && { quarantine: { kind: "quarantine", scopes } }),
      ...(s.breaker !== "none" && { "breaker-inbox": { kind: "breaker", agent: "inbox", state: s.breaker } }),
      ...(s.budget !== "none" && { "budget-inbox": { kind: "budget", agent: "inbox", ...spend } }),
      ...(s.mode !== "none" && { mode: { kind: "mode", mode: s.mode } }),
    }) as [string, ControlValue][],
  );
}

function factsOf(s: Setting): Facts {
  return {
    policy: loadPolicy(policyOf(s), HASH),
    labels: s.labels,
    control: { fresh: s.fresh, values: controlOf(s) },
    now: NOW,
    approved: s.approved,
    released: s.approved,
  };
}

const decided = (change: Partial<Setting>) => {
  const setting = { ...calm, ...change };
  return decide(question(setting), factsOf(setting));
};

const tier = fc.constantFrom(...TIERS);
const settings: fc.Arbitrary<Setting> = fc.record({
  declared: tier,
  agentCeiling: tier,
  leaseCeiling: tier,
  effects: fc.subarray<Effect>(["state", "out", "money", "irreversible"]),
  exception: fc.constantFrom("none", "valid", "expired"),
  policyMode: fc.constantFrom("enforce", "enforce", "observe"),
  labels: fc.subarray<Label>(["A", "B"]),
  fresh: fc.boolean(),
  approved: fc.boolean(),
  stop: fc.constantFrom("none", "none", "all", "agent", "tool", "toolset", "other"),
  quarantine: fc.constantFrom("none", "none", "agent", "other"),
  breaker: fc.constantFrom("none", "closed", "half-open", "open"),
  budget: fc.constantFrom("none", "left", "exhausted", "yesterday"),
  mode: fc.constantFrom("none", "enforce", "observe"),
  rollback: fc.constantFrom("none", "hold", "rehearsed", "unrehearsed"),
});

/** Says the same as the rules, written down independently as a table of conditions. */
function expectedTier(s: Setting): Tier {
  const effect = s.effects.length > 0;
  const outward = s.effects.some((e) => e !== "state");
  const [a, b] = [s.labels.includes("A"), s.labels.includes("B")];
  const wayBack = s.rollback === "hold" || s.rollback === "rehearsed";
  const blocked = [
    s.declared === "PROPOSE" && !wayBack,
    !["none", "other"].includes(s.stop),
    s.quarantine === "agent",
    s.breaker === "open",
    effect && (!s.fresh || s.budget === "exhausted" || s.mode === "observe" || s.policyMode === "observe"),
  ].some(Boolean);
  const confirmed = [
    outward && s.exception !== "valid",
    effect && ((a && b) || s.breaker === "half-open"),
    (a && outward) || (b && s.effects.includes("out")),
  ].some(Boolean);
  const ranks = [s.declared, s.agentCeiling, s.leaseCeiling].map(rankOf);
  const rank = Math.max(...ranks, blocked ? 4 : 0, confirmed ? 3 : 0, effect ? 1 : 0);
  return TIERS[rank] === "PROPOSE" && !wayBack ? "CONFIRM" : (TIERS[rank] ?? "BLOCK");
}

describe("decide", () => {
  it("TIER-02, TIER-05, TIER-10: the tier is the maximum over all inputs", () => {
    fc.assert(
      fc.property(settings, (setting) => {
        const verdict = decide(question(setting), factsOf(setting));
        const expected = expectedTier(setting);
        expect(verdict.tier).toBe(expected);
        const waits = expected === "CONFIRM" || expected === "PROPOSE";
        const runs = ["AUTO", "AUTO+"].includes(expected) || (waits && setting.approved);
        expect(verdict.outcome).toBe(runs ? "allow" : waits ? "propose" : "deny");
        if (verdict.outcome === "propose") expect(verdict.mode === "ask").toBe(expected === "CONFIRM");
        if (verdict.outcome === "allow") expect(verdict.signers).toEqual(signersFor(expected, setting.effects));
        else expect(verdict).not.toHaveProperty("signers");
      }),
      { numRuns: 1000 },
    );
  });

  it("S4: making any one fact worse never lowers the tier", () => {
    const worse: readonly Partial<Setting>[] = [
      { labels: ["A"] },
      { labels: ["A", "B"] },
      { stop: "all" },
      { quarantine: "agent" },
      { breaker: "half-open" },
      { breaker: "open" },
      { budget: "exhausted" },
      { mode: "observe" },
      { policyMode: "observe" },
      { fresh: false },
      { exception: "expired" },
      { declared: "BLOCK" },
      { agentCeiling: "CONFIRM" },
      { leaseCeiling: "CONFIRM" },
    ];
    fc.assert(
      fc.property(settings, fc.constantFrom(...worse), (setting, change) => {
        const stronger = joined(setting, change);
        const [before, after] = [setting, stronger].map((s) => rankOf(decide(question(s), factsOf(s)).tier));
        expect(after).toBeGreaterThanOrEqual(before ?? 0);
      }),
      { numRuns: 1000 },
    );
  });

  it("TIER-01: what is unknown is denied, even with everything else at its best", () => {
    const facts = factsOf({ ...calm, approved: true });
    const ask = (agent: string, tool: string) => decide({ agent, tool, ceiling: "AUTO" }, facts);
    expect(ask("nobody", "mail-send")).toMatchObject({ outcome: "deny", code: "agent.unknown" });
    expect(ask("inbox", "mail-delete")).toMatchObject({ outcome: "deny", code: "tool.unknown" });
    expect(ask("inbox", "mail-other")).toMatchObject({ outcome: "deny", code: "tool.undeclared" });
    for (const name of ["constructor", "tostring", "__proto__", "hasownproperty"]) {
      expect(ask(name, "mail-send")).toMatchObject({ outcome: "deny" });
      expect(ask("inbox", name)).toMatchObject({ outcome: "deny" });
    }
  });

  it.each<[string, Partial<Setting>, object]>([
    ["a read at AUTO", {}, { outcome: "allow", tier: "AUTO", signers: ["gateway"] }],
    ["a read with no watchdog", { fresh: false }, { outcome: "allow", tier: "AUTO" }],
    [
      "an effect declared AUTO",
      { effects: ["state"] },
      { outcome: "allow", tier: "AUTO+", signers: ["gateway", "watchdog"] },
    ],
    ["an effect with no watchdog", { effects: ["state"], fresh: false }, { outcome: "deny", code: "control.stale" }],
    ["an outward effect without exception", { effects: ["out"] }, { outcome: "propose", reasons: ["tier.exception"] }],
    ["an excepted one", { effects: ["out"], exception: "valid" }, { outcome: "allow", tier: "AUTO+" }],
    [
      "an excepted one after untrusted content",
      { effects: ["out"], exception: "valid", labels: ["A"] },
      { outcome: "propose", reasons: ["label.a-out"] },
    ],
    [
      "in-house state after untrusted content",
      { effects: ["state"], labels: ["A"] },
      { outcome: "allow", tier: "AUTO+" },
    ],
    ["in-house state after A and B", { effects: ["state"], labels: ["A", "B"] }, { outcome: "allow", tier: "AUTO+" }],
    [
      "an approved CONFIRM",
      { declared: "CONFIRM", approved: true },
      { outcome: "allow", signers: ["gateway", "watchdog", "operator"] },
    ],
    ["an approved BLOCK", { declared: "BLOCK", approved: true }, { outcome: "deny", code: "tier.block" }],
    [
      "an approved call while stopped",
      { declared: "CONFIRM", approved: true, stop: "all" },
      { outcome: "deny", code: "control.stopped" },
    ],
    ["PROPOSE without a way back", { declared: "PROPOSE" }, { outcome: "deny", code: "tier.propose.rollback" }],
    [
      "a stop together with a stale beat",
      { effects: ["state"], fresh: false, stop: "agent" },
      { outcome: "deny", code: "control.stopped" },
    ],
    ["yesterday's exhausted budget", { effects: ["state"], budget: "yesterday" }, { outcome: "allow" }],
    ["observe mode", { effects: ["state"], mode: "observe" }, { outcome: "deny", code: "mode.observe" }],
  ])("%s", (_, change, expected) => {
    expect(decided(change)).toMatchObject(expected);
  });

  it("TIER-03: missing control is denied, and told from a stale beat", () => {
    const facts = { ...factsOf({ ...calm, effects: ["state"] }), control: { fresh: false, values: new Map() } };
    expect(decide(question(calm), facts)).toMatchObject({ outcome: "deny", code: "control.missing" });
  });
});

it("TIER-07: an outward, financial or irreversible call below CONFIRM needs an exception that has not ended", () => {
  for (const effect of ["out", "money", "irreversible"] as const) {
    expect(decided({ effects: [effect] }).outcome).toBe("propose");
    expect(decided({ effects: [effect], exception: "expired" }).outcome).toBe("propose");
    expect(decided({ effects: [effect], exception: "valid" }).outcome).toBe("allow");
  }
});

it("PROP-01: only allow carries signers", () => {
  expect(decided({ declared: "CONFIRM" })).not.toHaveProperty("signers");
  expect(decided({ declared: "BLOCK" })).not.toHaveProperty("signers");
});

describe("floor (S2)", () => {
  it("S2: the floor is never below the signed tier, nor below what the executor sees itself", () => {
    fc.assert(
      fc.property(settings, tier, (setting, signedTier) => {
        const result = floor({ agent: "inbox", tool: "mail-send", signedTier }, factsOf(setting));
        const own = expectedTier({ ...setting, leaseCeiling: "AUTO" });
        expect(rankOf(result.tier)).toBeGreaterThanOrEqual(Math.max(rankOf(signedTier), rankOf(own)));
        if (result.outcome === "allow") expect(result.tier).not.toBe("BLOCK");
      }),
    );
  });
});

function joined(setting: Setting, change: Partial<Setting>): Setting {
  const next = { ...setting, ...change };
  const order = { breaker: ["none", "closed", "half-open", "open"] } as const;
  return {
    ...next,
    labels: [...new Set([...setting.labels, ...next.labels])],
    declared: higher(setting.declared, next.declared),
    agentCeiling: higher(setting.agentCeiling, next.agentCeiling),
    leaseCeiling: higher(setting.leaseCeiling, next.leaseCeiling),
    breaker:
      order.breaker.indexOf(next.breaker) > order.breaker.indexOf(setting.breaker) ? next.breaker : setting.breaker,
  };
}

function higher(a: Tier, b: Tier): Tier {
  return rankOf(a) > rankOf(b) ? a : b;
}
