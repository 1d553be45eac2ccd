/**
 * Owns: one request to an OpenAI-compatible chat endpoint through ChatOpenAI, and the reading of its answer.
 * Does not own: whether it may be made or paid (services/models), retries (none here), the key's file.
 * Invariants: text parts and function tools only (S1); the key goes to `baseUrl` alone, redirects are refused; an answer is
 * bounded in size and time; every failure is typed, and a provider's words never become part of an error's message.
 */
import { BulkheadError } from "@bulkhead/core";
import type { ModelMessage, ModelToolCall } from "@bulkhead/schemas";
import type { AIMessageChunk } from "@langchain/core/messages";
import { ChatOpenAI } from "@langchain/openai";
import { type ReportedUsage, readCalls, readFinish, readText, readUsage } from "./answer.ts";
import { boundedFetch } from "./bounded-fetch.ts";
import { toModelError } from "./failures.ts";
import { toLangChain } from "./messages.ts";
import type { ChatTool } from "./tokens.ts";

/** A model behind a URL. Without a key, none is sent that means anything. */
export interface ChatOptions {
  readonly baseUrl: string;
  readonly apiKey?: string;
  readonly model: string;
  readonly maxOutputTokens: number;
  /** Of the whole request. */
  readonly timeoutMs: number;
}

/** One request. */
export interface ChatRequest {
  readonly messages: readonly ModelMessage[];
  readonly tools: readonly ChatTool[];
  /** At most the model's own maximum. */
  readonly maxOutputTokens?: number;
  readonly signal?: AbortSignal;
}

/** One answer. */
export interface ChatAnswer {
  readonly text: string;
  /** Parallel calls in order; `args: null` where the model wrote no JSON object. */
  readonly toolCalls: readonly ModelToolCall[];
  readonly usage: ReportedUsage | undefined;
  readonly finishReason: "stop" | "tool-calls" | "length" | "other";
  readonly latencyMs: number;
}

/** A chat model. */
export interface Chat {
  /** @throws BulkheadError `model.unreachable|refused|malformed`, or the signal's reason */
  ask(request: ChatRequest): Promise<ChatAnswer>;
}

/** A chat model at an OpenAI-compatible URL. Nothing is sent before `ask`. */
export function createChat(options: ChatOptions): Chat {
  return { ask: (request) => ask(options, request) };
}

async function ask(
  options: ChatOptions,
  { messages, tools, maxOutputTokens, signal }: ChatRequest,
): Promise<ChatAnswer> {
  signal?.throwIfAborted();
  const model = client({ ...options, maxOutputTokens: Math.min(maxOutputTokens ?? Infinity, options.maxOutputTokens) });
  const started = performance.now();
  const bound = tools.length > 0 ? model.bindTools(tools.map(functionTool)) : model;
  const timeout = AbortSignal.timeout(options.timeoutMs);
  const both = signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
  const message = await bound.invoke(messages.map(toLangChain), { signal: both }).catch((error: unknown) => {
    signal?.throwIfAborted();
    throw timeout.aborted
      ? new BulkheadError("model.unreachable", "(no answer in time)", { cause: error })
      : toModelError(error);
  });
  return { ...read(message), latencyMs: Math.round(performance.now() - started) };
}

function read(message: AIMessageChunk): Omit<ChatAnswer, "latencyMs"> {
  const toolCalls = readCalls(message);
  return {
    text: readText(message),
    toolCalls,
    usage: readUsage(message),
    finishReason: readFinish(message, toolCalls.length),
  };
}

function client({ baseUrl, apiKey, model, maxOutputTokens, timeoutMs }: ChatOptions): ChatOpenAI {
  return new ChatOpenAI({
    model,
    apiKey: apiKey ?? "none",
    maxTokens: maxOutputTokens,
    maxRetries: 0,
    timeout: timeoutMs,
    streaming: false,
    useResponsesApi: false,
    __includeRawResponse: true,
    configuration: { baseURL: baseUrl, organization: null, project: null, fetch: boundedFetch },
  });
}

function functionTool({ name, description, parameters }: ChatTool): {
  type: "function";
  function: { name: string; description: string; parameters: Record<string, unknown> };
} {
  return { type: "function", function: { name, description, parameters: { ...parameters } } };
}
