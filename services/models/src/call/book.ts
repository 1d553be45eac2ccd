/**
 * Owns: the written account of every model call, by its id: `reserved → settled | failed`, and again `reserved` if a failed
 * attempt may be repeated.
 * Does not own: the accounts (`budget/`), which this module moves along with each step.
 * Invariants: S7, S10: one id is asked of a provider by one process at a time; what it cost is settled once per attempt, in
 * full if nobody knows; the accounts follow the call's own document, so that a crash between the two leaves too much reserved.
 */
import { BulkheadError, type Clock, type ErrorCode, sameDigest } from "@bulkhead/core";
import type { ModelCallDocument } from "@bulkhead/schemas";
import { type CollectionPort, lt } from "@bulkhead/store";
import type { Accounts } from "../budget/accounts.ts";
import { dayOf } from "../budget/day.ts";
import type { Order } from "./order.ts";

/** What a finished attempt leaves behind. */
export interface Settlement {
  readonly costMicros: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly outcome:
    | { readonly state: "settled"; readonly ref: string; readonly finish: string }
    | { readonly state: "failed"; readonly code: ErrorCode };
}

export interface Book {
  find(order: Order): Promise<ModelCallDocument | undefined>;
  /** Reserves and writes the attempt down; undefined if another process has it. @throws BulkheadError `budget.exhausted`, `call.conflict` */
  open(order: Order, before: ModelCallDocument | undefined): Promise<ModelCallDocument | undefined>;
  /** Settles the attempt; false if it was settled before. */
  settle(call: ModelCallDocument, settlement: Settlement): Promise<boolean>;
  /** Says that the attempt's process lives. */
  renew(call: ModelCallDocument): Promise<void>;
  /** Attempts whose process died: past their deadline and still open. */
  abandoned(): Promise<ModelCallDocument[]>;
}

export interface BookParts {
  readonly calls: CollectionPort<ModelCallDocument>;
  readonly accounts: Accounts;
  readonly clock: Clock;
  readonly owner: string;
  readonly retentionMs: number;
}

/** How long an attempt stays its process's own without a sign of life. */
export const HOLD_MS = 6_000;

export function callBook(parts: BookParts): Book {
  const { calls, accounts, clock } = parts;
  return {
    find: (order) => found(order, calls),
    open: async (order, before) => {
      const day = dayOf(clock.now());
      await accounts.reserve(day, order.agent, order.worstMicros);
      const attempt = attemptOf(order, day, parts);
      const taken = await take(attempt, before, calls).catch((error: unknown) => error);
      if (taken === true) return { ...attempt, costMicros: before?.costMicros ?? 0 };
      await accounts.settle(day, order.agent, { reserved: order.worstMicros, spent: 0 });
      if (taken === false) return undefined;
      throw taken;
    },
    settle: async (call, settlement) => {
      const { costMicros, inputTokens, outputTokens, outcome } = settlement;
      const set = { ...outcome, inputTokens, outputTokens, costMicros: call.costMicros + costMicros };
      const mine = { _id: call._id, state: "reserved", owner: call.owner } as const;
      if (!(await calls.compareAndSet(mine, { set }))) return false;
      await accounts.settle(call.day, call.agent, { reserved: call.reservedMicros, spent: costMicros });
      return true;
    },
    renew: async ({ _id, owner: mine }) => {
      await calls.compareAndSet({ _id, state: "reserved", owner: mine }, { set: { deadline: clock.now() + HOLD_MS } });
    },
    abandoned: () => calls.find({ state: "reserved", deadline: lt(clock.now()) }, { limit: 100 }),
  };
}

async function found(order: Order, calls: BookParts["calls"]): Promise<ModelCallDocument | undefined> {
  const call = await calls.findOne({ _id: order.id });
  if (call !== undefined && (!sameDigest(call.digest, order.digest) || call.agent !== order.agent))
    throw new BulkheadError("call.conflict");
  return call;
}

async function take(
  attempt: ModelCallDocument,
  before: ModelCallDocument | undefined,
  calls: BookParts["calls"],
): Promise<boolean> {
  if (before === undefined) return (await calls.insert(attempt)).ok;
  const { _id, ...fresh } = attempt;
  const set = { ...fresh, costMicros: before.costMicros };
  return await calls.compareAndSet(
    { _id, state: "failed", owner: before.owner, at: before.at },
    { set, unset: ["code"] },
  );
}

function attemptOf(order: Order, day: string, { clock, owner, retentionMs }: BookParts): ModelCallDocument {
  const at = clock.now();
  return {
    _id: order.id,
    ...{ agent: order.agent, task: order.task, digest: order.digest, model: order.provider.model, day, owner, at },
    state: "reserved",
    deadline: at + HOLD_MS,
    reservedMicros: order.worstMicros,
    costMicros: 0,
    inputTokens: 0,
    outputTokens: 0,
    expires: new Date(at + retentionMs),
  };
}
