import { type AuditEntry, type AuditEvent, TIERS, type Tier } from "@bulkhead/schemas";

/** What became of a call, as the records tell it. */
export type Fate = "decided" | "asked" | "ran" | "refused" | "failed" | "unknown";

/** One call, put together from all records that name it. */
export interface CallStory {
  readonly callId: string;
  readonly agent: string;
  readonly tool: string;
  readonly tier: Tier | undefined;
  readonly fate: Fate;
  readonly code: string | undefined;
}

/** Everything that the report counts, computed from audit entries and nothing else. */
export interface Tally {
  readonly calls: ReadonlyMap<string, CallStory>;
  readonly entries: number;
  readonly modelCalls: number;
  readonly tokens: number;
  readonly costMicros: number;
}

/** Nothing recorded yet. */
export const EMPTY_TALLY: Tally = { calls: new Map(), entries: 0, modelCalls: 0, tokens: 0, costMicros: 0 };

const FATES: Partial<Record<AuditEvent, Fate>> = {
  "call.decided": "decided",
  "call.refused": "refused",
  "proposal.opened": "asked",
  "proposal.denied": "refused",
  "proposal.expired": "refused",
  "read.executed": "ran",
  "effect.done": "ran",
  "effect.failed": "failed",
  "effect.unknown": "unknown",
  "effect.refused": "refused",
};

/** A later record about a call never makes it look less settled. */
const RANK: Record<Fate, number> = { decided: 0, asked: 1, refused: 2, failed: 3, unknown: 3, ran: 4 };

/** Adds records to a tally; the old one stays as it is. */
export function tally(before: Tally, entries: readonly AuditEntry[]): Tally {
  const calls = new Map(before.calls);
  for (const entry of entries) addCall(calls, entry);
  const settled = entries.filter(({ event }) => event === "model.settled");
  const sum = (value: (entry: AuditEntry) => number): number => settled.reduce((total, each) => total + value(each), 0);
  return {
    calls,
    entries: before.entries + entries.length,
    modelCalls: before.modelCalls + settled.length,
    tokens: before.tokens + sum((entry) => (entry.inputTokens ?? 0) + (entry.outputTokens ?? 0)),
    costMicros: before.costMicros + sum((entry) => entry.costMicros ?? 0),
  };
}

/** The calls of one tier that met one fate, counted by tool, the most frequent first. */
export function countByTool(run: Tally, tier: Tier, fate: Fate): [tool: string, count: number][] {
  const counts = new Map<string, number>();
  for (const call of run.calls.values())
    if (call.tier === tier && call.fate === fate) counts.set(call.tool, (counts.get(call.tool) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1]);
}

/** How many calls each tier has seen. */
export function countByTier(run: Tally): [tier: Tier, count: number][] {
  const calls = [...run.calls.values()];
  return TIERS.map((tier) => [tier, calls.filter((call) => call.tier === tier).length]);
}

function addCall(calls: Map<string, CallStory>, entry: AuditEntry): void {
  const fate = FATES[entry.event];
  if (fate === undefined || entry.callId === undefined || entry.tool === undefined) return;
  const known = calls.get(entry.callId);
  const newer = known === undefined || RANK[fate] >= RANK[known.fate] || (fate === "asked" && known.fate === "refused");
  calls.set(entry.callId, {
    callId: entry.callId,
    agent: entry.agent ?? known?.agent ?? "",
    tool: entry.tool,
    tier: strictest(tierOf(entry), known?.tier),
    fate: newer ? fate : known.fate,
    code: newer ? (entry.code ?? known?.code) : known.code,
  });
}

/** A refusal names its code; the code of a declared BLOCK names the tier. */
function tierOf({ tier, code }: AuditEntry): Tier | undefined {
  return code === "tier.block" ? "BLOCK" : tier;
}

function strictest(a: Tier | undefined, b: Tier | undefined): Tier | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return TIERS.indexOf(a) >= TIERS.indexOf(b) ? a : b;
}
