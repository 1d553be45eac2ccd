import { setTimeout as sleep } from "node:timers/promises";
import { isBulkheadError } from "@bulkhead/core";
import { AuditEntry, type ProposalView, type SpendView, type TaskState, type TaskView } from "@bulkhead/schemas";
import type { OperatorClient } from "bulkhead";
import { EMPTY_TALLY, type Tally, tally } from "./tally.ts";

/** What the demo knows of the run at one moment; all of it was asked of the services. */
export interface Sight {
  readonly tasks: readonly TaskView[];
  readonly waiting: readonly ProposalView[];
  readonly spend: SpendView;
  readonly run: Tally;
  readonly latest: readonly AuditEntry[];
  /** The ledger's last sequence number seen. */
  readonly seq: number;
}

const POLL_MS = 400;
const PAGE = 500;
const LATEST = 4;
const TOLD: ReadonlySet<AuditEntry["event"]> = new Set([
  "read.executed",
  "effect.done",
  "proposal.opened",
  "call.refused",
]);
const OVER: readonly TaskState[] = ["done", "failed", "cancelled", "dead"];

/** Asks all services once. */
export async function look(operator: OperatorClient, before?: Sight): Promise<Sight> {
  const [{ tasks }, { proposals }, { spend }, records] = await Promise.all([
    operator.ask({ kind: "tasks.list", limit: PAGE }),
    operator.ask({ kind: "proposals.list", state: "pending", limit: PAGE }),
    operator.ask({ kind: "models.spend" }),
    read(operator, before?.seq ?? 0),
  ]);
  const run = tally(before?.run ?? EMPTY_TALLY, records.entries);
  const told = records.entries.filter(({ event }) => TOLD.has(event));
  const latest = [...(before?.latest ?? []), ...told].slice(-LATEST);
  return { tasks, waiting: proposals, spend, run, latest, seq: records.seq };
}

/** How long to look, and for what. */
export interface Waiting {
  readonly withinMs: number;
  /** What should come true, in words. */
  readonly expected: string;
  readonly from?: Sight;
  readonly show?: (sight: Sight) => void;
  readonly signal: AbortSignal;
}

/** Looks again and again until `done` says so. Throws what was expected when that takes too long. A service that is away for a moment is asked again. */
export async function watchUntil(
  operator: OperatorClient,
  done: (sight: Sight, before: Sight | undefined) => boolean | Promise<boolean>,
  { withinMs, expected, from, show, signal }: Waiting,
): Promise<Sight> {
  let before = from;
  const until = Date.now() + withinMs;
  while (Date.now() < until) {
    try {
      const sight = await look(operator, before);
      show?.(sight);
      if (await done(sight, before)) return sight;
      before = sight;
    } catch (error) {
      if (!isBulkheadError(error) || error.disposition !== "retry") throw error;
    }
    await sleep(POLL_MS, undefined, { signal });
  }
  throw new Error(`This did not happen in ${withinMs / 1_000} s: ${expected}.`);
}

/**
 * Whether nothing moves any more: every task is over or waits for a person, every task that an agent gave to another
 * has arrived, and no call has changed since the look before.
 */
export function isQuiet(now: Sight, before: Sight | undefined, submitted: number): boolean {
  const children = now.tasks.filter(({ parent }) => parent !== undefined).length;
  const given = [...now.run.calls.values()].filter(({ tool, fate }) => tool === "task-create" && fate === "ran").length;
  const arrived = now.tasks.length - children >= submitted && children >= given;
  return arrived && now.tasks.every(isSettled) && before?.run.entries !== undefined && isSame(now.run, before.run);
}

function isSettled({ state }: TaskView): boolean {
  return state === "parked" || OVER.includes(state);
}

function isSame(now: Tally, before: Tally): boolean {
  const fates = (run: Tally): string => [...run.calls.values()].map(({ callId, fate }) => callId + fate).join();
  return now.modelCalls === before.modelCalls && fates(now) === fates(before);
}

async function read(operator: OperatorClient, after: number): Promise<{ entries: AuditEntry[]; seq: number }> {
  const entries: AuditEntry[] = [];
  for (let seq = after; ; ) {
    const page = (await operator.ask({ kind: "ledger.tail", after: seq, limit: PAGE })).entries;
    entries.push(...page.map(({ envelope }) => AuditEntry.parse((envelope as { body: unknown }).body)));
    seq = page.at(-1)?.seq ?? seq;
    if (page.length < PAGE) return { entries, seq };
  }
}
