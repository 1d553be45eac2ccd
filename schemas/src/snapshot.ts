import { z } from "zod";
import { ContentRef } from "./primitives.ts";

/** A call made from a model reply: its place in the task, what it asks, and how far it is. The result lies in the content store. */
export const SnapshotCall = z.strictObject({
  step: z.int().min(0),
  index: z.int().min(0),
  /** The id that the model gave to its tool call. */
  toolCallId: z.string().max(100),
  tool: z.string().max(100),
  state: z.enum(["pending", "waiting", "done", "failed"]),
  /** Set when done: the result. When failed: the code. */
  ref: ContentRef.optional(),
  code: z.string().max(64).optional(),
});

/**
 * Where a task stands, as saved by `tasks`: references and counters, no client text (GD-04). The model's output and the call ids made
 * from it are saved before the first call, so that a replacement worker repeats calls under the same ids (design §2).
 */
export const Snapshot = z.strictObject({
  v: z.literal(1),
  /** The next model call's step. */
  step: z.int().min(0),
  state: z.enum(["thinking", "calling", "waiting", "finished"]),
  used: z.strictObject({ inputTokens: z.int().min(0), outputTokens: z.int().min(0), calls: z.int().min(0) }),
  /** Model replies in order, each with the calls made from it. */
  turns: z
    .array(z.strictObject({ step: z.int().min(0), reply: ContentRef, calls: z.array(SnapshotCall).max(64) }))
    .max(1_000),
});
/** Where a task stands. */
export type Snapshot = z.infer<typeof Snapshot>;
/** One call in a snapshot. */
export type SnapshotCall = z.infer<typeof SnapshotCall>;
