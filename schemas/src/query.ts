import { z } from "zod";
import { LedgerEntry } from "./audit.ts";
import { Action, Inverse, ProposalMode, ProposalState, ProposalTerms } from "./call.ts";
import { CallId, ContentRef, EpochMs, JsonObject, Label, Labels, Micros, Tier, Token } from "./primitives.ts";
import { TaskState } from "./task.ts";

const page = { limit: z.int().min(1).max(1_000).default(100) };

/** What operators may ask (`bh.query.<service>`, envelope type `query`). */
export const Query = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("tasks.list"), state: TaskState.optional(), agent: Token.optional(), ...page }),
  z.strictObject({ kind: z.literal("tasks.show"), task: Token }),
  z.strictObject({ kind: z.literal("tasks.counts") }),
  z.strictObject({ kind: z.literal("tasks.dead"), ...page }),
  z.strictObject({ kind: z.literal("proposals.list"), state: ProposalState.optional(), ...page }),
  z.strictObject({ kind: z.literal("proposals.show"), proposal: Token }),
  z.strictObject({ kind: z.literal("ledger.tail"), after: z.int().min(0).default(0), ...page }),
  /** Entries that name this task, call, proposal or content, in order. */
  z.strictObject({ kind: z.literal("ledger.about"), id: z.string().max(140), ...page }),
  z.strictObject({ kind: z.literal("ledger.verify") }),
  z.strictObject({ kind: z.literal("memory.show"), ref: ContentRef }),
  z.strictObject({ kind: z.literal("models.spend"), day: z.string().max(10).optional() }),
]);
/** What operators may ask. */
export type Query = z.infer<typeof Query>;

/** A task as operators see it. */
export const TaskView = z.strictObject({
  id: Token,
  agent: Token,
  title: z.string(),
  state: TaskState,
  trusted: z.boolean(),
  labels: Labels,
  principal: Token,
  parent: Token.optional(),
  createdAt: EpochMs,
  updatedAt: EpochMs,
  attempts: z.int(),
  epoch: z.int(),
  code: z.string().optional(),
  text: ContentRef.optional(),
  result: ContentRef.optional(),
  waitingFor: z.array(CallId).optional(),
});
/** A task as operators see it. */
export type TaskView = z.infer<typeof TaskView>;

/** A dead letter as operators see it. */
export const DeadView = z.strictObject({
  id: Token,
  agent: z.string().max(100),
  code: z.string(),
  at: EpochMs,
  bytes: z.int(),
  task: Token.optional(),
});
/** A dead letter. */
export type DeadView = z.infer<typeof DeadView>;

/** A proposal as operators see it: the exact action, in full. */
export const ProposalView = z.strictObject({
  id: Token,
  state: ProposalState,
  terms: ProposalTerms,
  action: Action,
  tier: Tier,
  labels: z.array(Label),
  reasons: z.array(z.string()),
  openedAt: EpochMs,
  asked: z.int(),
  mode: ProposalMode,
  /** When the wait or the window ends. */
  dueAt: EpochMs,
  needed: z.int(),
  /** Who has approved so far. */
  approvedBy: z.array(z.string()),
  before: z.string().optional(),
  undo: Inverse.optional(),
  parent: Token.optional(),
  successor: Token.optional(),
  escalatedAt: EpochMs.optional(),
  decidedBy: z.string().optional(),
  reason: z.string().optional(),
  code: z.string().optional(),
});
/** A proposal as operators see it. */
export type ProposalView = z.infer<typeof ProposalView>;

/** How many tasks a day's spend names. */
export const MAX_SPEND_TASKS = 100;

/** Spend of one day (UTC), in micro-units. */
export const SpendView = z.strictObject({
  day: z.string(),
  currency: z.string(),
  spentMicros: Micros,
  reservedMicros: Micros,
  capMicros: Micros,
  calls: z.int(),
  byAgent: z.record(Token, z.strictObject({ spentMicros: Micros, reservedMicros: Micros, capMicros: Micros })),
  byModel: z.record(
    z.string(),
    z.strictObject({ spentMicros: Micros, inputTokens: z.int(), outputTokens: z.int(), calls: z.int() }),
  ),
  /** The tasks that cost most, dearest first. What is reserved is not spent yet. */
  byTask: z
    .array(
      z.strictObject({
        task: Token,
        agent: Token,
        spentMicros: Micros,
        reservedMicros: Micros,
        inputTokens: z.int(),
        outputTokens: z.int(),
        calls: z.int(),
      }),
    )
    .max(MAX_SPEND_TASKS),
});
/** Spend of one day. */
export type SpendView = z.infer<typeof SpendView>;

/** The answer to a query, by kind. */
export const QueryReply = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("tasks.list"), tasks: z.array(TaskView) }),
  z.strictObject({ kind: z.literal("tasks.show"), task: TaskView }),
  z.strictObject({ kind: z.literal("tasks.counts"), counts: z.partialRecord(TaskState, z.int()) }),
  z.strictObject({ kind: z.literal("tasks.dead"), dead: z.array(DeadView) }),
  z.strictObject({ kind: z.literal("proposals.list"), proposals: z.array(ProposalView) }),
  z.strictObject({ kind: z.literal("proposals.show"), proposal: ProposalView }),
  z.strictObject({ kind: z.literal("ledger.tail"), entries: z.array(LedgerEntry) }),
  z.strictObject({ kind: z.literal("ledger.about"), entries: z.array(LedgerEntry) }),
  z.strictObject({
    kind: z.literal("ledger.verify"),
    ok: z.boolean(),
    entries: z.int(),
    firstBad: z.int().optional(),
    head: z.string(),
  }),
  z.strictObject({
    kind: z.literal("memory.show"),
    ref: ContentRef,
    task: Token,
    text: z.string(),
    labels: Labels,
    provenance: JsonObject,
  }),
  z.strictObject({ kind: z.literal("models.spend"), spend: SpendView }),
]);
/** The answer to a query. */
export type QueryReply = z.infer<typeof QueryReply>;
