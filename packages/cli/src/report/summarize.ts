/**
 * Owns: what a stretch of the record amounts to, for a person who oversees it.
 * Does not own: reading the record, its words.
 * Invariants: pure; a call counts once in each column, however often it was asked.
 */
import type { AuditEntry } from "@bulkhead/schemas";

/** One agent's use of one tool: calls that ran, asked or were blocked; with `would`, those that would have in the mode enforce. */
export interface Row {
  readonly agent: string;
  readonly tool: string;
  readonly ran: number;
  readonly asked: number;
  readonly blocked: number;
  readonly wouldRun: number;
  readonly wouldAsk: number;
  readonly wouldBlock: number;
  /** Why it was or would have been asked or blocked, with the number of calls. */
  readonly reasons: Readonly<Record<string, number>>;
}

/** A stop: how many processes obeyed it and how fast, and how long after it the last effect of its scope was done. */
export interface Drill {
  readonly stop: string;
  readonly about: string;
  readonly operator: string;
  readonly at: number;
  readonly points: number;
  readonly slowestMs: number;
  readonly lastEffectMs: number;
  readonly resumedAt?: number;
}

/** What people decided: approvals, denials, edits, cancellations, undoings. */
export type Overrides = Readonly<Record<(typeof OVERRIDES)[number], number>>;
/** A summary of entries. */
export interface Summary {
  readonly entries: number;
  readonly rows: readonly Row[];
  readonly overrides: Overrides;
  readonly drills: readonly Drill[];
}

const OVERRIDES = ["approved", "denied", "edited", "cancelled", "undone"] as const;
const WOULD = { allow: "wouldRun", propose: "wouldAsk", deny: "wouldBlock" } as const;
type Column = "ran" | "asked" | "blocked" | (typeof WOULD)[keyof typeof WOULD];

/** Sums up entries. */
export function summarize(entries: readonly AuditEntry[]): Summary {
  return {
    entries: entries.length,
    rows: rowsOf(entries),
    overrides: overridesOf(entries),
    drills: drillsOf(entries),
  };
}

function rowsOf(entries: readonly AuditEntry[]): Row[] {
  const calls = new Map<string, { readonly entry: AuditEntry; readonly column: Column }>();
  for (const entry of entries) {
    const column = columnOf(entry);
    if (column !== undefined) calls.set(`${column} ${entry.callId ?? entry.proposal ?? ""}`, { entry, column });
  }
  const rows = Map.groupBy(calls.values(), ({ entry }) => `${entry.agent ?? "?"} ${entry.tool ?? "?"}`);
  return [...rows.values()].map(rowOf).sort((a, b) => `${a.agent} ${a.tool}`.localeCompare(`${b.agent} ${b.tool}`));
}

function columnOf({ event, code, state }: AuditEntry): Column | undefined {
  if (event === "effect.done" || event === "read.executed") return "ran";
  if (event === "proposal.opened") return "asked";
  if (event !== "call.refused") return undefined;
  return code === "mode.observe" ? WOULD[(state ?? "deny") as keyof typeof WOULD] : "blocked";
}

function rowOf(calls: readonly { readonly entry: AuditEntry; readonly column: Column }[]): Row {
  const count = (column: Column): number => calls.filter((one) => one.column === column).length;
  const reasons: Record<string, number> = {};
  for (const { entry, column } of calls) {
    if (column === "ran" || column === "wouldRun") continue;
    for (const reason of reasonsOf(entry)) reasons[reason] = (reasons[reason] ?? 0) + 1;
  }
  const { agent = "?", tool = "?" } = calls[0]?.entry ?? {};
  return {
    ...{ agent, tool, ran: count("ran"), asked: count("asked"), blocked: count("blocked") },
    ...{ wouldRun: count("wouldRun"), wouldAsk: count("wouldAsk"), wouldBlock: count("wouldBlock") },
    reasons,
  };
}

function reasonsOf({ code, reasons = [] }: AuditEntry): readonly string[] {
  const found = reasons.filter((reason) => reason !== "mode.observe");
  return found.length > 0 ? found : [code ?? "unknown"];
}

function overridesOf(entries: readonly AuditEntry[]): Overrides {
  const said = new Set(entries.map(({ event, proposal, operator }) => `${event} ${proposal ?? ""} ${operator ?? ""}`));
  const count = (what: string): number => [...said].filter((one) => one.startsWith(`proposal.${what} `)).length;
  return Object.fromEntries(OVERRIDES.map((what) => [what, count(what)])) as Overrides;
}

function drillsOf(entries: readonly AuditEntry[]): Drill[] {
  const changes = entries.filter(({ event, causes }) => event === "control.changed" && stopOf(causes) !== undefined);
  const stops = Map.groupBy(changes, ({ causes }) => stopOf(causes) ?? "");
  return [...stops].flatMap(([stop, found]) => drillOf(stop, found, entries)).sort((a, b) => a.at - b.at);
}

function drillOf(stop: string, changes: readonly AuditEntry[], entries: readonly AuditEntry[]): Drill[] {
  const stopped = changes.filter(({ state }) => state === "stopped");
  const resumed = changes.filter(({ state }) => state === "resumed").map(({ at }) => at);
  const [first] = stopped;
  if (first === undefined) return [];
  const at = Math.min(...stopped.map((entry) => entry.at - (entry.latencyMs ?? 0)));
  const until = Math.min(Infinity, ...resumed);
  const last = Math.max(at, ...effectsIn(first, entries).filter((time) => time > at && time < until));
  return [
    {
      ...{ stop, about: first.agent ?? first.tool ?? "all", operator: first.operator ?? "?", at },
      points: new Set(stopped.map(({ instance }) => instance)).size,
      slowestMs: Math.max(...stopped.map(({ latencyMs = 0 }) => latencyMs)),
      lastEffectMs: last - at,
      ...(resumed.length > 0 && { resumedAt: until }),
    },
  ];
}

/** When effects of the scope were done; of a tool set's tools it cannot be told, so all count. */
function effectsIn({ agent, tool }: AuditEntry, entries: readonly AuditEntry[]): number[] {
  const name = tool?.startsWith("tool ") ? tool.slice("tool ".length) : undefined;
  return entries
    .filter(({ event }) => event === "effect.done")
    .filter((done) => (agent === undefined || done.agent === agent) && (name === undefined || done.tool === name))
    .map(({ at }) => at);
}

function stopOf(causes: readonly string[]): string | undefined {
  return causes.find((cause) => cause.startsWith("stop:"))?.slice("stop:".length);
}
