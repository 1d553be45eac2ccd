import { z } from "zod";
import { AnyEnvelope } from "./envelope.ts";
import { CallId, Code, ContentRef, JsonObject, Micros, Token } from "./primitives.ts";

/** A tool call as the model wrote it. `args` is null when they were no JSON object; `raw` then holds the start of what it wrote. */
export const ModelToolCall = z.strictObject({
  id: z.string().max(100),
  name: z.string().max(100),
  args: JsonObject.nullable(),
  raw: z.string().max(2_000).optional(),
});
/** A tool call as the model wrote it. */
export type ModelToolCall = z.infer<typeof ModelToolCall>;

/** One message of the closed contract: text parts only, no URL that a provider would fetch (S1). */
export const ModelMessage = z.discriminatedUnion("role", [
  z.strictObject({ role: z.literal("system"), text: z.string() }),
  z.strictObject({ role: z.literal("user"), text: z.string() }),
  z.strictObject({ role: z.literal("assistant"), text: z.string(), toolCalls: z.array(ModelToolCall).max(64) }),
  z.strictObject({ role: z.literal("tool"), toolCallId: z.string().max(100), text: z.string() }),
]);
/** One message to a model. */
export type ModelMessage = z.infer<typeof ModelMessage>;

/** `bh.model.<agent>`: a host asks for a model's reply. Tools are named; their descriptions come from the policy. */
export const ModelRequest = z.strictObject({
  id: CallId,
  task: Token,
  agent: Token,
  lease: AnyEnvelope,
  messages: z.array(ModelMessage).min(1).max(2_000),
  tools: z.array(Token).max(128),
  maxOutputTokens: z.int().min(1).max(200_000).optional(),
});
/** A host asks for a model's reply. */
export type ModelRequest = z.infer<typeof ModelRequest>;

/** Tokens of one model call: the larger of reported and counted (COST-05). */
export const Usage = z.strictObject({ inputTokens: z.int().min(0), outputTokens: z.int().min(0) });
/** Tokens of one model call. */
export type Usage = z.infer<typeof Usage>;

/** What a model said: stored under `ref` as JSON of `{text, toolCalls}`, the same for a repeated id. */
export const ModelAnswer = z.strictObject({ text: z.string(), toolCalls: z.array(ModelToolCall).max(64) });
/** What a model said. */
export type ModelAnswer = z.infer<typeof ModelAnswer>;

/** What became of the request. `pending`: ask again with the same id. */
export const ModelReply = z.discriminatedUnion("status", [
  z.strictObject({
    status: z.literal("done"),
    ref: ContentRef,
    answer: ModelAnswer,
    usage: Usage,
    costMicros: Micros,
    model: z.string().max(200),
    finish: z.enum(["stop", "tool-calls", "length", "other"]),
  }),
  z.strictObject({ status: z.literal("pending") }),
  z.strictObject({ status: z.literal("refused"), code: Code, message: z.string().max(500) }),
]);
/** What became of the request. */
export type ModelReply = z.infer<typeof ModelReply>;
