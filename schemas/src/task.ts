import { z } from "zod";
import { AnyEnvelope } from "./envelope.ts";
import { Limits } from "./policy.ts";
import {
  CallId,
  Code,
  ContentRef,
  Digest,
  DurationMs,
  EpochMs,
  Identity,
  Labels,
  Line,
  Tier,
  Token,
} from "./primitives.ts";
import { Snapshot } from "./snapshot.ts";

/**
 * A task as a user writes it: `{id?, title, text, attachments?}`. Published as it is (plain, label A) or inside an envelope of type
 * `task` signed by an operator (trusted text). The id defaults to `t-<INTAKE sequence>`. Quoted material belongs into attachments.
 */
export const TaskSubmission = z.strictObject({
  id: Token.optional(),
  title: z.string().min(1).max(200),
  text: z
    .string()
    .min(1)
    .max(64 * 1024),
  attachments: z
    .array(z.strictObject({ name: z.string().min(1).max(200), text: z.string().max(128 * 1024) }))
    .max(16)
    .optional(),
  /** The agent, repeated inside the signature: a signed task cannot be moved to another agent. Required when signed. */
  agent: Token.optional(),
  /** Set by an executor for a delegated task (TIER-10): the task and call that created it. Believed only when signed by an executor. */
  parent: z.strictObject({ task: Token, callId: CallId }).optional(),
});
/** A task as a user writes it. */
export type TaskSubmission = z.infer<typeof TaskSubmission>;

/** States of a task. */
export const TaskState = z.enum(["queued", "running", "parked", "done", "failed", "cancelled", "dead"]);
/** States of a task. */
export type TaskState = z.infer<typeof TaskState>;

/**
 * The lease that proves which task a host works on, signed by `tasks` as an envelope of type `lease`. Every call carries it.
 * `epoch` is the fencing token: it grows with every hand-out. `textDigest` binds the trusted text.
 */
export const Lease = z.strictObject({
  v: z.literal(1),
  agent: Token,
  task: Token,
  epoch: z.int().min(1),
  expiresAt: EpochMs,
  textDigest: Digest,
  /** On whose behalf: `operator-<name>`, `client-<name>`, or `anonymous`. Travels with every hop. */
  principal: Identity,
  /** The strictest ceiling along the delegation chain. */
  ceiling: Tier,
  depth: z.int().min(0),
});
/** The body of a lease. */
export type Lease = z.infer<typeof Lease>;

/** `bh.task.next.<agent>`: asks for one task; waits up to `waitMs` for one. */
export const NextRequest = z.strictObject({ agent: Token, host: z.string().max(64), waitMs: DurationMs.max(2_000) });
/** A piece of a task that lies in the content store. */
export const TaskPiece = z.strictObject({ name: z.string().max(200), ref: ContentRef });
/** The task that `next` hands out: its texts are references, to be fetched with the lease. */
export const NextReply = z.strictObject({
  work: z
    .strictObject({
      task: z.strictObject({
        id: Token,
        title: z.string().max(200),
        text: ContentRef,
        attachments: z.array(TaskPiece),
        trusted: z.boolean(),
        labels: Labels,
      }),
      lease: AnyEnvelope,
      limits: Limits,
      startedAt: EpochMs,
      snapshot: Snapshot.nullable(),
      /** The version that the next save names. */
      version: z.int().min(0),
    })
    .nullable(),
  /** The stop switch in its operator's own signed words: a host may not read it, and may have missed the change. */
  stop: AnyEnvelope.optional(),
});
/** The reply to `next`. */
export type NextReply = z.infer<typeof NextReply>;

/** `bh.task.save.<agent>`: compare-and-set of the snapshot, fenced by the lease; renews it. */
export const SaveRequest = z.strictObject({ lease: AnyEnvelope, version: z.int().min(0), snapshot: Snapshot });
/** The renewed lease and the version to save next. `cancelled`: stop working. */
export const SaveReply = z.strictObject({ lease: AnyEnvelope, version: z.int().min(1), cancelled: z.boolean() });

/** `bh.task.park.<agent>`: waits for these calls to be decided; a wake-up makes the task available again. */
export const ParkRequest = z.strictObject({
  lease: AnyEnvelope,
  version: z.int().min(0),
  snapshot: Snapshot,
  waitingFor: z.array(CallId).min(1).max(64),
});
/** Parked, or not: a decision came in between, so go on. */
export const ParkReply = z.strictObject({ parked: z.boolean() });

/** `bh.task.finish.<agent>`: the task's end. `released`: the host gives it back unfinished. */
export const FinishRequest = z.strictObject({
  lease: AnyEnvelope,
  outcome: z.enum(["done", "failed", "released"]),
  result: ContentRef.optional(),
  code: Code.optional(),
});
/** The state that the task is in now. */
export const FinishReply = z.strictObject({ state: TaskState });

/** `bh.task.wake`: proposals tells tasks that a call is decided. Carries ids only. */
export const WakeRequest = z.strictObject({ task: Token, callId: CallId, proposal: Token });
/** Nothing to say. */
export const WakeReply = z.strictObject({ woken: z.boolean() });

/** `bh.task.command`: an operator's signed command about a task. */
export const TaskCommand = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("cancel"), task: Token, reason: Line.optional() }),
  z.strictObject({ kind: z.literal("resubmit"), dead: Token }),
]);
/** An operator's command about a task. */
export type TaskCommand = z.infer<typeof TaskCommand>;
/** The state after the command. */
export const TaskCommandReply = z.strictObject({ task: Token, state: TaskState });

/** Wakes those who wait in `next`, on all replicas. A hint: carries nothing that is believed. */
export const Nudge = z.strictObject({});
