import { AuditEntry, type LedgerEntry } from "@bulkhead/schemas";
import { type Paint, shown, timeOf } from "./terminal.ts";

/** An entry with its place in the record. */
export interface ReadEntry extends AuditEntry {
  readonly seq: number;
  readonly issuer: string;
}

/** What an entry of the ledger says, or undefined if its body is none. */
export function readEntry({ seq, issuer, envelope }: LedgerEntry): ReadEntry | undefined {
  const body = (envelope as { body?: unknown } | null)?.body;
  const parsed = AuditEntry.safeParse(body);
  return parsed.success ? { ...parsed.data, seq, issuer } : undefined;
}

/** One line of the tail. */
export function entryLine(entry: LedgerEntry, paint: Paint): string {
  const read = readEntry(entry);
  if (read === undefined) return `${entry.seq}  ${entry.issuer}  (unreadable)`;
  const head = `${paint.dim(`${String(read.seq).padStart(6)}  ${timeOf(read.at)}`)}  ${read.issuer.padEnd(14)}  ${tone(read, paint)}`;
  return `${head}  ${details(read)}`.trimEnd();
}

function tone(entry: ReadEntry, paint: Paint): string {
  const event = entry.event.padEnd(18);
  if (/^security|refused|denied|failed|unknown|dead|rejected|gap/.test(entry.event)) return paint.red(event);
  return /opened|parked|pending/.test(entry.event) ? paint.yellow(event) : event;
}

/** The fields of an entry that tell something, in a few words. */
export function details(entry: Partial<ReadEntry>): string {
  const parts: readonly (string | undefined)[] = [
    entry.tool,
    entry.tier,
    entry.labels?.length ? `labels ${entry.labels.join("")}` : undefined,
    entry.state,
    entry.code,
    entry.reasons?.length ? `because ${entry.reasons.join(", ")}` : undefined,
    entry.model,
    entry.inputTokens === undefined ? undefined : `${entry.inputTokens}+${entry.outputTokens ?? 0} tokens`,
    entry.costMicros === undefined ? undefined : `cost ${(entry.costMicros / 1_000_000).toFixed(4)}`,
    entry.latencyMs === undefined ? undefined : `${entry.latencyMs} ms`,
    entry.operator,
    entry.callId ?? entry.task,
    entry.proposal,
    entry.content,
  ];
  return shown(parts.filter((part) => part !== undefined).join(" · "), 240);
}
