import { describe, expect, it } from "vitest";
import { connectionTools, defineTool, normaliseArgs, normalised, role, toolContract, z } from "./index.ts";

const refund = () =>
  defineTool({
    name: "refund",
    tier: "CONFIRM",
    effects: ["money"],
    description: "Refunds an order.",
    dedup: { key: ["order"], window: "30d" },
    input: z.object({
      order: role("id", z.string()),
      iban: normalised(["trim", "collapse"], role("account", z.string())),
      cents: role("amount", z.int().max(50_000)).optional(),
    }),
    credentials: ["shop"],
    egress: ["https://api.shop.example"],
    run: ({ order, ...body }, { http, callId }) =>
      http.post(`/orders/${order.toUpperCase()}/refunds`, body, { idempotencyKey: callId }),
    readBack: ({ order }, { http, callId }) => http.get(`/orders/${order}/refunds/${callId}`),
  });
const place = { connection: "refund", operation: "refund", toolset: "refund" };
const bundle = { file: "refund.mjs", sha256: `sha256:${"0".repeat(64)}` } as const;

describe("a tool", () => {
  it("becomes a contract with roles, a closed input and a hash", () => {
    const contract = toolContract(refund(), { ...place, bundle });
    expect(contract.roles).toEqual({ order: "id", iban: "account", cents: "amount" });
    expect(contract.inputSchema).toMatchObject({ additionalProperties: false, required: ["order", "iban"] });
    expect(contract.dedup).toEqual({ key: ["order"], windowMs: 2_592_000_000 });
    expect(contract.adapter).toEqual({ kind: "bundle", ...bundle });
  });

  it("INJ-11: has another hash when its code or its contract is another", () => {
    const hashes = [
      toolContract(refund(), { ...place, bundle }),
      toolContract(refund(), { ...place, bundle: { ...bundle, sha256: `sha256:${"1".repeat(64)}` } }),
      toolContract(refund(), { ...place, toolset: "local", bundle }),
      toolContract({ ...refund(), description: "Refunds, and more." }, { ...place, bundle }),
      toolContract(refund(), place),
    ].map(({ hash }) => hash);
    expect(new Set(hashes).size).toBe(hashes.length);
    expect(toolContract(refund(), { ...place, bundle }).hash).toBe(hashes[0]);
  });

  it("refuses defaults and transforms, so that what was approved is what runs", () => {
    const base = { name: "x", description: "", effects: [] };
    expect(() => defineTool({ ...base, input: z.object({ a: z.string().default("b") }) })).toThrow(/no defaults/);
    expect(() => defineTool({ ...base, input: z.object({ a: z.string().transform(Number) }) })).toThrow(/JSON Schema/);
    expect(() => defineTool({ ...base, name: "X", input: z.object({}) })).toThrow(/tool "X"/);
    expect(() => defineTool({ ...base, egress: ["ftp://x"], input: z.object({}) })).toThrow(/egress/);
  });

  it("TIER-08: says how it is undone with everything that takes, or not at all", () => {
    const base = { name: "x", description: "", effects: ["state" as const], input: z.object({ a: z.string() }) };
    const undone = { run: () => 1, rollback: { mode: "compensate", tool: "y" } as const };
    const whole = { ...base, ...undone, state: () => 1, inverse: () => ({}) };
    expect(defineTool(whole).rollback).toEqual({ mode: "compensate", tool: "y" });
    expect(() => defineTool({ ...base, ...undone, inverse: () => ({}) })).toThrow(
      /tool x: rollback compensate needs state/,
    );
    expect(() => defineTool({ ...base, ...undone, state: () => 1 })).toThrow(/needs state.* and inverse/);
    expect(() => defineTool({ ...whole, rollback: { mode: "hold" } })).toThrow(/inverse needs rollback compensate/);
    expect(() => defineTool({ ...whole, rollback: { mode: "compensate", tool: "No!" } })).toThrow(/names no tool/);
    expect(() => defineTool({ ...whole, effects: [] })).toThrow(/for a tool that changes something/);
    expect(() => defineTool({ ...base, rollback: { mode: "hold" } })).toThrow(/and has a run/);
    expect(defineTool({ ...base, run: () => 1, rollback: { mode: "hold" } }).rollback).toEqual({ mode: "hold" });
  });

  it("has a sentence that speaks of its own arguments only", () => {
    const base = { name: "x", description: "", effects: [], input: z.object({ to: z.string() }) };
    const said = defineTool({ ...base, sentence: "Ring {to}" });
    expect(toolContract(said, place).sentence).toBe("Ring {to}");
    expect(toolContract(said, place).hash).not.toBe(toolContract(defineTool(base), place).hash);
    expect(() => defineTool({ ...base, sentence: "Ring {whom}" })).toThrow(/speaks of \{whom\}/);
    expect(() => defineTool({ ...base, sentence: "x".repeat(301) })).toThrow(/longer than 300/);
  });

  it("compares arguments in one form", () => {
    const { inputSchema } = toolContract(refund(), place);
    expect(normaliseArgs(inputSchema, { order: " a ", iban: " DE 1\t2 " })).toEqual({ order: " a ", iban: "DE 1 2" });
  });

  it("INJ-12: survives JSON Schema: what the gateway compiles from the policy accepts and refuses the same", () => {
    const compiled = z.fromJSONSchema(toolContract(refund(), place).inputSchema);
    expect(compiled.safeParse({ order: "1", iban: "x", cents: 5 }).success).toBe(true);
    for (const bad of [{ order: "1" }, { order: "1", iban: "x", cents: 50_001 }, { order: "1", iban: "x", more: 1 }])
      expect(compiled.safeParse(bad).success).toBe(false);
  });
});

describe("connections", () => {
  const kinds = [
    {
      kind: "mail",
      settings: {
        store: { type: "maildir", path: "/m" },
        smtp: { host: "127.0.0.1", port: 1, secure: false },
        from: "a@b.example",
      },
    },
    { kind: "files", settings: { root: "/r", write: true } },
    { kind: "channel", settings: { format: "discord", origin: "https://discord.com" } },
    { kind: "tracker", settings: { kinds: ["invoice"] } },
    { kind: "http", settings: { allow: ["https://example.com"] } },
    { kind: "tasks", settings: { agents: ["finance"] } },
    { kind: "payments", settings: {} },
  ];
  it.each(kinds)("$kind makes valid contracts", ({ kind, settings }) => {
    for (const tool of connectionTools({ name: "c", kind, settings: settings })) {
      const contract = toolContract(tool, { connection: "c", operation: tool.name.slice(2), toolset: "local" });
      expect(contract.name).toBe(`c-${contract.operation}`);
      expect(contract.adapter.kind).toBe(kind === "payments" ? "none" : "builtin");
      expect(tool.effects.length > 0 || tool.tier === "AUTO").toBe(true);
      if (tool.effects.length > 0) expect(tool.sentence).toMatch(/^[A-Z][^\n]+$/);
      expect(z.fromJSONSchema(contract.inputSchema as never)).toBeDefined();
    }
  });

  it("explain what is wrong", () => {
    expect(() => connectionTools({ name: "c", kind: "nope", settings: {} })).toThrow(/known: channel/);
    expect(() => connectionTools({ name: "c", kind: "files", settings: { folder: "x" } })).toThrow(/connection c/);
  });
});
