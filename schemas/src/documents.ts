import { z } from "zod";

import { AuditEvent, Cause } from "./audit.ts";
import { Action, CallReply, Inverse, Outcome, ProposalMode, ProposalState, ProposalTerms } from "./call.ts";

import { type CollectionContract, collection } from "./collection.ts";
import { AnyEnvelope } from "./envelope.ts";
import {
  CallId,
  Code,
  ContentRef,
  Digest,
  DurationMs,
  EpochMs,
  Identity,
  Labels,
  Micros,
  Provenance,
  Tier,
  Token,
} from "./primitives.ts";
import { Snapshot } from "./snapshot.ts";
import { TaskPiece, TaskState } from "./task.ts";

/** A move of a task as its audit entry tells it, kept until the entry is known to be acknowledged. `at` is unique within the task. */
export const UnrecordedMove = z.strictObject({
  event: AuditEvent,
  at: EpochMs,
  state: TaskState,
  count: z.int().min(0),
  causes: z.array(Cause).max(32),
  code: Code.optional(),
  content: ContentRef.optional(),
});
/** A move of a task whose record may be missing. */
export type UnrecordedMove = z.infer<typeof UnrecordedMove>;

/** A task. Its texts lie in the content store. `expires` bounds the document itself (GD-07). */
export const TaskDocument = z.strictObject({
  _id: Token,
  agent: Token,
  title: z.string().max(200),
  text: ContentRef,
  attachments: z.array(TaskPiece),
  trusted: z.boolean(),
  principal: Identity,
  parent: z.strictObject({ task: Token, callId: CallId }).optional(),
  ceiling: Tier,
  depth: z.int().min(0),
  labels: Labels,
  /** Digest of the submission: the same id with another body is a conflict. */
  digest: Digest,
  textDigest: Digest,
  state: TaskState,
  epoch: z.int().min(0),
  leaseUntil: EpochMs,
  host: z.string().max(64).optional(),
  attempts: z.int().min(0),
  version: z.int().min(0),
  snapshot: Snapshot.nullable(),
  waitingFor: z.array(CallId),
  /** Calls decided while the task was not parked yet, so that no wake-up is lost. */
  decided: z.array(CallId),
  cancelled: z.boolean(),
  /** Set from the end on until `proposals` knows that nothing of the task is to wait any longer. */
  unwithdrawn: z.literal(true).optional(),
  code: Code.optional(),
  result: ContentRef.optional(),
  /** Moves whose audit entry is not known to be acknowledged, oldest first, and the time of the first. */
  unrecorded: z.array(UnrecordedMove).optional(),
  unrecordedAt: EpochMs.optional(),
  createdAt: EpochMs,
  startedAt: EpochMs.optional(),
  updatedAt: EpochMs,
  expires: z.date(),
});
/** A task. */
export type TaskDocument = z.infer<typeof TaskDocument>;

/** States of an agent: no host has asked for work yet, hosts ask, they have fallen silent, or control holds the agent. */
export const AgentState = z.enum(["absent", "serving", "silent", "stopped"]);
/** An agent kind as tasks sees it. `seenAt` is when a host last asked for work, to the nearest seconds. */
export const AgentDocument = z.strictObject({ _id: Token, state: AgentState, seenAt: EpochMs, updatedAt: EpochMs });
/** An agent kind as tasks sees it. */
export type AgentDocument = z.infer<typeof AgentDocument>;

/** A dead letter as tasks keeps it: the bytes lie in the content store or expire with the document. */
export const DeadDocument = z.strictObject({
  _id: Token,
  agent: z.string().max(100),
  subject: z.string().max(300),
  code: Code,
  bytes: z.int(),
  data: z.string(),
  task: z.string().max(64).optional(),
  at: EpochMs,
  expires: z.date(),
});
/** A dead letter. */
export type DeadDocument = z.infer<typeof DeadDocument>;

/** A proposal: the exact action, the terms whose digest is signed, and the decision. */
export const ProposalDocument = z.strictObject({
  _id: Token,
  callId: CallId,
  /** The policy under which it was opened: the same call under another policy is another proposal. */
  epoch: Digest,
  agent: Token,
  task: Token,
  tool: Token,
  action: Action,
  terms: ProposalTerms,
  digest: Digest,
  tier: Tier,
  labels: Labels,
  reasons: z.array(Code),
  lease: AnyEnvelope,
  state: ProposalState,
  /** Digest of agent, tool and arguments: while the newest round is pending, the same action asked again is the same proposal (DED-03). */
  actionKey: Digest,
  round: z.int().min(0),
  asked: z.int().min(1),
  /** Other calls that asked for the same action while it was pending: they get the same decision, and the effect once. */
  also: z.array(CallId).max(1_000),
  /** Set from the end on until every waiting task was told. */
  untold: z.literal(true).optional(),
  /** The approvals so far; more than one where several persons must approve. */
  approvals: z.array(AnyEnvelope).max(8),
  /** How many natural persons must approve. */
  needed: z.int().min(1).max(8),
  windowMs: DurationMs,
  /** The decision that ended the wait: the last approval, a denial, an edit, a cancellation, an undo. */
  decision: AnyEnvelope.optional(),
  /** Who said it, beside `decision`, so that nobody has to open it to list it. */
  decidedBy: Identity.optional(),
  reason: z.string().max(300).optional(),
  code: Code.optional(),
  parent: Token.optional(),
  /** Its task has ended while it was released: it runs no more, unless it already does. */
  withdrawn: z.literal(true).optional(),
  /** The proposal that replaced this one. */
  successor: Token.optional(),
  before: z
    .string()
    .max(16 * 1024)
    .optional(),
  /** What would undo it, as the executor captured it. */
  undo: Inverse.optional(),
  escalatedAt: EpochMs.optional(),
  openedAt: EpochMs,
  /** When the wait or the window ends. Time in which nobody could act is added when it fires. */
  dueAt: EpochMs,
  /** Grows with every transition: what compare-and-set compares. */
  version: z.int().min(1),
  /** The event of the last transition, until its audit entry is acknowledged: a sweep records it again after a crash. */
  unrecorded: AuditEvent.optional(),
  updatedAt: EpochMs,
  expires: z.date(),
});
/** A proposal. */
export type ProposalDocument = z.infer<typeof ProposalDocument>;

/**
 * Since when somebody was there to decide: the gaps are times in which a service could not see the watchdog, the database or the bus,
 * so that no window closes because of them (PROP-18).
 */
export const PresenceDocument = z.strictObject({
  _id: z.literal("presence"),
  seenAt: EpochMs,
  gaps: z.array(z.strictObject({ from: EpochMs, to: EpochMs })).max(1_000),
});
/** Since when somebody was there. */
export type PresenceDocument = z.infer<typeof PresenceDocument>;

/** A call that the watchdog has seen before it became a proposal. `_id` is the action's digest. */
export const ValidatedDocument = z.strictObject({
  _id: Digest,
  callId: CallId,
  /** Digest of who asks for which tool in which task, without the arguments. */
  about: Digest,
  tier: Tier,
  mode: ProposalMode,
  at: EpochMs,
  expires: z.date(),
});
/** A call that the watchdog has seen. */
export type ValidatedDocument = z.infer<typeof ValidatedDocument>;

/**
 * What a cumulative limit has taken within its window, `_id` = `<limit>` or `<limit>.<agent>`. Every call that counts is listed once by its
 * id; a change is one update that names the version it was made from, so that of two replicas only one passes. `ran` = its intent is recorded.
 */
export const AccountDocument = z.strictObject({
  _id: z.string().max(130),
  version: z.int().min(1),
  taken: z
    .array(
      z.strictObject({
        callId: CallId,
        amount: z.int().min(0),
        at: EpochMs,
        /** When the signature for which it was taken is void: if its intent is not recorded by then, the call never ran. */
        until: EpochMs.optional(),
        ran: z.literal(true).optional(),
      }),
    )
    .max(10_000),
});
/** What a cumulative limit has taken. */
export type AccountDocument = z.infer<typeof AccountDocument>;

/** One audit entry as the watchdog remembers it: what its detectors look at. `id` = `<instance>:<counter>`. */
export const Sighting = z.strictObject({
  id: z.string().max(90),
  event: z.string().max(40),
  at: EpochMs,
  agent: Token.optional(),
  task: Token.optional(),
  callId: CallId.optional(),
  tool: z.string().max(100).optional(),
  tier: Tier.optional(),
  digest: Digest.optional(),
  proposal: Token.optional(),
  effect: Token.optional(),
});
/** One audit entry as the watchdog remembers it. */
export type Sighting = z.infer<typeof Sighting>;

/** What one replica of the watchdog saw in a moment; the others read it, so that all look at the same window. */
export const SightingsDocument = z.strictObject({
  _id: z.string().max(100),
  by: z.string().max(64),
  at: EpochMs,
  seen: z.array(Sighting).max(512),
  expires: z.date(),
});
/** What one replica saw in a moment. */
export type SightingsDocument = z.infer<typeof SightingsDocument>;

/** An anomaly or an outside record that was dealt with: whoever inserts it reports it, so that it is reported once. */
export const AnomalyDocument = z.strictObject({ _id: z.string().max(300), at: EpochMs, expires: z.date() });
/** An anomaly that was reported. */
export type AnomalyDocument = z.infer<typeof AnomalyDocument>;

/** What the watchdog itself has heard from operators. */
export const HeardDecision = z.strictObject({
  _id: z.string().max(200),
  proposal: Token,
  digest: Digest,
  action: Digest,
  operator: Identity,
  outcome: Outcome,
  decision: AnyEnvelope,
  at: EpochMs,
  expires: z.date(),
});
/** What the watchdog itself has heard. */
export type HeardDecision = z.infer<typeof HeardDecision>;

/**
 * The one place of once-ness (design §2): `_id` is the call id; `dedupKey` with `dedupRound` a second unique key. A unique key is
 * never given up by an update (the Rust twin keeps it taken): a failed effect, or one whose window is over, is followed by the next round.
 */
export const ClaimDocument = z.strictObject({
  _id: CallId,
  task: Token,
  agent: Token,
  tool: Token,
  action: Digest,
  effectId: Token,
  dedupKey: Digest.optional(),
  dedupRound: z.int().min(0).optional(),
  state: z.enum(["claimed", "acting", "done", "failed", "unknown"]),
  owner: z.string().max(64),
  deadline: EpochMs,
  /** PROPOSE: what would undo it, and the digest of the state before it, captured before it ran. */
  undo: Inverse.optional(),
  before: Digest.optional(),
  reply: CallReply.optional(),
  /** The event of its end, where its record was not acknowledged in time: a sweep records it again. */
  unrecorded: AuditEvent.optional(),
  at: EpochMs,
  expires: z.date(),
});
/** A claim on one call. */
export type ClaimDocument = z.infer<typeof ClaimDocument>;

/** A record of a tracker connection, kept in its executor's database. */
export const RecordDocument = z.strictObject({
  _id: Token,
  kind: z.string().max(64),
  state: z.string().max(40),
  fields: z.record(z.string().max(64), z.unknown()),
  version: z.int(),
  by: CallId,
  createdAt: EpochMs,
  updatedAt: EpochMs,
});
/** A tracker record. */
export type RecordDocument = z.infer<typeof RecordDocument>;

/** One day's account of an agent (`<day>.<agent>`) or of the organisation (`<day>`). */
export const BudgetDocument = z.strictObject({
  _id: z.string().max(80),
  day: z.string(),
  agent: Token.optional(),
  capMicros: Micros,
  spentMicros: Micros,
  /** Settled and reserved together: never above the cap (S7). */
  heldMicros: Micros,
  calls: z.int().min(0),
});
/** One day's account. */
export type BudgetDocument = z.infer<typeof BudgetDocument>;

/** One model call: reserved, then settled. A repeated id gets the recorded reply. */
export const ModelCallDocument = z.strictObject({
  _id: CallId,
  agent: Token,
  task: Token,
  digest: Digest,
  model: z.string(),
  day: z.string(),
  state: z.enum(["reserved", "settled", "failed"]),
  owner: z.string().max(64),
  deadline: EpochMs,
  reservedMicros: Micros,
  costMicros: Micros,
  inputTokens: z.int(),
  outputTokens: z.int(),
  finish: z.string().max(20).optional(),
  ref: ContentRef.optional(),
  code: Code.optional(),
  at: EpochMs,
  expires: z.date(),
});
/** One model call. */
export type ModelCallDocument = z.infer<typeof ModelCallDocument>;

/** A recorded entry. `_id` is the sequence number. */
export const LedgerDocument = z.strictObject({
  _id: z.int().min(1),
  chain: z.string(),
  leaf: z.string(),
  issuer: Identity,
  instance: z.string(),
  counter: z.int(),
  event: z.string(),
  task: z.string().optional(),
  callId: z.string().optional(),
  proposal: z.string().optional(),
  content: z.string().optional(),
  causes: z.array(z.string()),
  streamSeq: z.int(),
  envelope: AnyEnvelope,
  recordedAt: EpochMs,
});
/** A recorded entry. */
export type LedgerDocument = z.infer<typeof LedgerDocument>;

/** One piece of content. Invisible from `expires` on, deleted by the TTL sweep after it. */
export const ContentDocument = z.strictObject({
  _id: ContentRef,
  task: Token,
  about: z.string().max(20),
  text: z.string(),
  digest: Digest,
  labels: Labels,
  provenance: Provenance,
  by: Identity,
  at: EpochMs,
  expires: z.date(),
});
/** One piece of content. */
export type ContentDocument = z.infer<typeof ContentDocument>;

const ttl = { keys: { expires: 1 }, ttlSeconds: 0 } as const;

/** Every database and its collections: `bh_<service>`, and one `bh_exec_<toolset>` per tool set. */
export const DATABASES = {
  tasks: {
    tasks: collection("tasks", TaskDocument, [
      { keys: { agent: 1, state: 1, createdAt: 1 } },
      { keys: { state: 1, leaseUntil: 1 } },
      { keys: { unrecordedAt: 1 }, partial: { unrecordedAt: { $exists: true } } },
      { keys: { unwithdrawn: 1 }, partial: { unwithdrawn: { $exists: true } } },
      ttl,
    ]),
    agents: collection("agents", AgentDocument),
    dead: collection("dead", DeadDocument, [{ keys: { at: -1 } }, ttl]),
  },
  proposals: {
    proposals: collection("proposals", ProposalDocument, [
      { keys: { callId: 1, epoch: 1 }, unique: true },
      { keys: { actionKey: 1, round: 1 }, unique: true },
      { keys: { also: 1 } },
      { keys: { unrecorded: 1 }, partial: { unrecorded: { $exists: true } } },
      { keys: { untold: 1 }, partial: { untold: { $exists: true } } },
      { keys: { state: 1, dueAt: 1 } },
      { keys: { task: 1, state: 1 } },
      ttl,
    ]),
    presence: collection("presence", PresenceDocument),
  },
  watchdog: {
    decisions: collection("decisions", HeardDecision, [{ keys: { action: 1 } }, ttl]),
    validated: collection("validated", ValidatedDocument, [ttl]),
    accounts: collection("accounts", AccountDocument),
    sightings: collection("sightings", SightingsDocument, [{ keys: { at: 1 } }, ttl]),
    anomalies: collection("anomalies", AnomalyDocument, [ttl]),
    presence: collection("presence", PresenceDocument),
  },
  exec: {
    claims: collection("claims", ClaimDocument, [
      { keys: { dedupKey: 1, dedupRound: 1 }, unique: true, partial: { dedupKey: { $exists: true } } },
      { keys: { state: 1, deadline: 1 } },
      { keys: { unrecorded: 1 }, partial: { unrecorded: { $exists: true } } },
      ttl,
    ]),
    records: collection("records", RecordDocument, [{ keys: { kind: 1, state: 1 } }]),
  },
  models: {
    budgets: collection("budgets", BudgetDocument, [{ keys: { day: 1 } }]),
    calls: collection("calls", ModelCallDocument, [{ keys: { day: 1 } }, { keys: { state: 1, deadline: 1 } }, ttl]),
  },
  ledger: {
    entries: collection("entries", LedgerDocument, [
      { keys: { instance: 1, counter: 1 }, unique: true },
      { keys: { task: 1, _id: 1 } },
      { keys: { callId: 1, _id: 1 } },
      { keys: { causes: 1 } },
    ]),
  },
  memory: { content: collection("content", ContentDocument, [{ keys: { task: 1 } }, ttl]) },
} as const satisfies Record<string, Record<string, CollectionContract>>;
/** A database's owner. */
export type DatabaseName = keyof typeof DATABASES;
