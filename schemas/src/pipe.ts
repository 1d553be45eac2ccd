import { z } from "zod";
import { ModelAnswer, ModelMessage, Usage } from "./model.ts";
import { Limits } from "./policy.ts";
import { Code, ContentRef, JsonObject, Line, Token } from "./primitives.ts";
import { Snapshot } from "./snapshot.ts";

/**
 * The pipe between an agent host and its worker (design §2, S8): JSON, one object a line, UTF-8, over the worker's stdin and stdout.
 * Any program that speaks it can be a worker. A worker names steps and indexes only; the task, the agent, the lease and every signature
 * are the host's. A line that breaks the contract, and a flood, end the worker.
 */

/** The longest line that a worker may send, in bytes without the line feed. */
export const PIPE_LINE_BYTES = 1024 * 1024;
/** The longest line that a host sends: a piece of content at its largest, escaped at its worst. */
export const PIPE_HOST_LINE_BYTES = 4 * 1024 * 1024;
/** Requests that a worker may have open at once. */
export const PIPE_OUTSTANDING = 80;
/** Lines per second that a worker may send over any ten seconds. */
export const PIPE_LINES_PER_SECOND = 100;

/** A request's number, chosen by the worker, used once; it means nothing outside of this pipe. */
const RequestId = z.int().min(1).max(1_000_000);
const Step = z.int().min(0).max(999_999);
const Index = z.int().min(0).max(63);

/** A message to the model; what the host has delivered before can be named by its reference in place of the text. */
export const PipeMessage = z.union([
  ModelMessage,
  z.strictObject({ role: z.literal("assistant"), ref: ContentRef }),
  z.strictObject({ role: z.literal("tool"), toolCallId: z.string().max(100), ref: ContentRef }),
]);
/** A message to the model, by text or by reference. */
export type PipeMessage = z.infer<typeof PipeMessage>;

/** A tool as a worker sees it: enough to describe it to a model. Tiers and effects stay with those who enforce them. */
export const PipeTool = z.strictObject({ name: Token, description: z.string().max(2_000), inputSchema: JsonObject });
/** A tool as a worker sees it. */
export type PipeTool = z.infer<typeof PipeTool>;

/** The work of a worker's whole life. `trusted`: the text is signed by an operator or a schedule. Attachments are quoted material, always. */
export const PipeStart = z.strictObject({
  kind: z.literal("start"),
  task: z.strictObject({
    title: z.string().max(200),
    text: z.string(),
    trusted: z.boolean(),
    attachments: z.array(z.strictObject({ name: z.string().max(200), text: z.string() })).max(16),
  }),
  agent: z.strictObject({ name: Token, purpose: z.string().max(4_000) }),
  tools: z.array(PipeTool).max(128),
  limits: Limits,
  snapshot: Snapshot.nullable(),
});
/** The work of a worker's whole life. */
export type PipeStart = z.infer<typeof PipeStart>;

/** What became of a call. `waiting`: a human decides first, so finish the other calls and park. */
export const PipeCallOutcome = z.discriminatedUnion("status", [
  z.strictObject({ status: z.literal("done"), ref: ContentRef, text: z.string() }),
  z.strictObject({ status: z.literal("failed"), code: Code, message: z.string().max(500) }),
  z.strictObject({ status: z.literal("unknown"), code: Code }),
  z.strictObject({ status: z.literal("refused"), code: Code, message: z.string().max(500), reason: Line.optional() }),
  z.strictObject({ status: z.literal("waiting") }),
]);
/** What became of a call. */
export type PipeCallOutcome = z.infer<typeof PipeCallOutcome>;

/** The value of an answered request, by the request's kind. */
export const PipeValue = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("model"), ref: ContentRef, answer: ModelAnswer, usage: Usage }),
  z.strictObject({ kind: z.literal("call"), outcome: PipeCallOutcome }),
  z.strictObject({ kind: z.literal("save") }),
  /** `parked: false`: a decision came in between, so ask for the calls again. */
  z.strictObject({ kind: z.literal("park"), parked: z.boolean() }),
  z.strictObject({ kind: z.literal("finish") }),
]);
/** The value of an answered request. */
export type PipeValue = z.infer<typeof PipeValue>;

/** A piece that the snapshot names: a model's answer (JSON of `ModelAnswer`) or a result. Sent before `start`. */
export const PipeContent = z.strictObject({ kind: z.literal("content"), ref: ContentRef, text: z.string() });

/** Host → worker. `cancel`: stop; the process is killed soon after. */
export const HostLine = z.discriminatedUnion("kind", [
  PipeContent,
  PipeStart,
  z.strictObject({ kind: z.literal("value"), id: RequestId, value: PipeValue }),
  z.strictObject({
    kind: z.literal("error"),
    id: RequestId,
    error: z.strictObject({ code: Code, message: z.string().max(500) }),
  }),
  z.strictObject({ kind: z.literal("cancel"), code: Code }),
]);
/** A line from the host. */
export type HostLine = z.infer<typeof HostLine>;

/** Worker → host: everything that a worker can do. */
export const WorkerLine = z.discriminatedUnion("kind", [
  /** Loaded, and waiting for its task. */
  z.strictObject({ kind: z.literal("ready") }),
  z.strictObject({
    kind: z.literal("model"),
    id: RequestId,
    step: Step,
    messages: z.array(PipeMessage).min(1).max(2_000),
    tools: z.array(Token).max(128),
    maxOutputTokens: z.int().min(1).max(200_000).optional(),
  }),
  z.strictObject({ kind: z.literal("call"), id: RequestId, step: Step, index: Index, tool: Token, args: JsonObject }),
  z.strictObject({ kind: z.literal("save"), id: RequestId, snapshot: Snapshot }),
  z.strictObject({
    kind: z.literal("park"),
    id: RequestId,
    snapshot: Snapshot,
    waitingFor: z
      .array(z.strictObject({ step: Step, index: Index }))
      .min(1)
      .max(64),
  }),
  /** The end. The result is a piece that the host has delivered, or a text of the worker's own. */
  z.strictObject({
    kind: z.literal("finish"),
    id: RequestId,
    outcome: z.enum(["done", "failed"]),
    result: z
      .union([z.strictObject({ ref: ContentRef }), z.strictObject({ text: z.string().max(64 * 1024) })])
      .optional(),
    code: Code.optional(),
  }),
  z.strictObject({
    kind: z.literal("log"),
    level: z.enum(["debug", "info", "warn", "error"]),
    message: z.string().max(1_000),
  }),
]);
/** A line from a worker. */
export type WorkerLine = z.infer<typeof WorkerLine>;
/** A line from a worker that is answered. */
export type WorkerRequest = Extract<WorkerLine, { id: number }>;
