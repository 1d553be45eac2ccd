import { BulkheadError, parseJson } from "@bulkhead/core";
import { JsonObject, type ModelToolCall } from "@bulkhead/schemas";
import type { AIMessageChunk } from "@langchain/core/messages";
import { z } from "zod";

const MAX_CALLS = 64;
const MAX_RAW = 2_000;
const MAX_NAME = 100;

const RawCall = z.object({ id: z.string(), function: z.object({ name: z.string(), arguments: z.string() }) });
/** The provider's own bytes: LangChain's parsed calls have lost their order and their duplicate keys. */
const RawReply = z.object({
  choices: z.array(z.object({ message: z.object({ tool_calls: z.array(RawCall).nullish() }) })).min(1),
});
const Finish = z.enum(["stop", "tool_calls", "length"]).catch("stop");

/** What a provider reports of its own work. Absent where it says nothing, or nonsense. */
export interface ReportedUsage {
  readonly input: number;
  readonly output: number;
  readonly cached?: number;
  readonly reasoning?: number;
}

const Count = z.int().min(0).max(100_000_000);
const Reported = z.object({
  input_tokens: Count,
  output_tokens: Count,
  input_token_details: z.object({ cache_read: Count.optional() }).optional(),
  output_token_details: z.object({ reasoning: Count.optional() }).optional(),
});

/** The calls that a reply asks for, as written. @throws BulkheadError `model.malformed` */
export function readCalls(message: AIMessageChunk): ModelToolCall[] {
  const parsed = RawReply.safeParse(message.additional_kwargs.__raw_response);
  const calls = parsed.data?.choices[0]?.message.tool_calls ?? [];
  if (!parsed.success || calls.length > MAX_CALLS) throw new BulkheadError("model.malformed", "(its tool calls)");
  return calls.map(({ id, function: { name, arguments: written } }, index) => {
    const args = readArgs(written);
    const call = { id: clip(id, MAX_NAME) || `call-${index}`, name: clip(name, MAX_NAME), args };
    return args === null ? { ...call, raw: clip(written, MAX_RAW) } : call;
  });
}

/** Text of a reply. Parts that are no text are dropped: the contract is text and function calls. */
export function readText(message: AIMessageChunk): string {
  if (typeof message.content === "string") return message.content.toWellFormed();
  return message.content
    .map((part) => (part.type === "text" && typeof part.text === "string" ? part.text : ""))
    .join("")
    .toWellFormed();
}

/** The provider's own figures, or undefined. */
export function readUsage(message: AIMessageChunk): ReportedUsage | undefined {
  const { data } = Reported.safeParse(message.usage_metadata);
  if (data === undefined) return undefined;
  const [cached, reasoning] = [data.input_token_details?.cache_read, data.output_token_details?.reasoning];
  return {
    input: data.input_tokens,
    output: data.output_tokens,
    ...(cached !== undefined && { cached }),
    ...(reasoning !== undefined && { reasoning }),
  };
}

/** Why the model ended. Calls count more than what it claims. */
export function readFinish(message: AIMessageChunk, calls: number): "stop" | "tool-calls" | "length" | "other" {
  if (calls > 0) return "tool-calls";
  const reason: unknown = message.response_metadata.finish_reason;
  if (typeof reason === "string" && !["stop", "tool_calls", "length"].includes(reason)) return "other";
  const known = Finish.parse(reason);
  return known === "tool_calls" ? "tool-calls" : known;
}

/** Strict JSON, an object; else null. */
function readArgs(written: string): JsonObject | null {
  try {
    const { data } = JsonObject.safeParse(parseJson(written.trim() === "" ? "{}" : written));
    return data ?? null;
  } catch {
    return null;
  }
}

function clip(text: string, length: number): string {
  return text.slice(0, length).toWellFormed();
}
