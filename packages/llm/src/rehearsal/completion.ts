import { createHash } from "node:crypto";
import { estimateTokens } from "../chat/tokens.ts";
import { type CompletionRequest, readConversation } from "./conversation.ts";
import { type Move, plan } from "./plan.ts";
import type { PlannedCall } from "./planned.ts";
import { toolView } from "./tools.ts";

/** A reply in the chat-completions format. */
export interface Completion {
  readonly id: string;
  readonly object: "chat.completion";
  readonly created: number;
  readonly model: string;
  readonly choices: readonly Choice[];
  readonly usage: { readonly prompt_tokens: number; readonly completion_tokens: number; readonly total_tokens: number };
}

interface Choice {
  readonly index: number;
  readonly message: {
    readonly role: "assistant";
    readonly content: string | null;
    readonly tool_calls?: readonly WireCall[];
  };
  readonly finish_reason: "stop" | "tool_calls" | "length";
}

interface WireCall {
  readonly id: string;
  readonly type: "function";
  readonly function: { readonly name: string; readonly arguments: string };
}

const DEFAULT_MAX_TOKENS = 16_000;

/** Answers a request; the same request always gets the same answer. */
export function complete(request: CompletionRequest): Completion {
  const tools = (request.tools ?? []).map(({ function: f }) => toolView(f.name, f.description ?? "", f.parameters));
  return render(request, plan(readConversation(request), tools));
}

/** A completion around a move, with usage figures and within the request's output limit. */
export function render(request: CompletionRequest, move: Move): Completion {
  const limit = request.max_completion_tokens ?? request.max_tokens ?? DEFAULT_MAX_TOKENS;
  const choice = move.kind === "text" ? textChoice(move.text, limit) : callsChoice(move.calls, limit);
  const prompt_tokens = estimateTokens(JSON.stringify([request.messages, request.tools ?? []])).likely;
  const completion_tokens = estimateTokens(JSON.stringify(choice.message)).likely;
  const id = `chatcmpl-${createHash("sha256").update(JSON.stringify(request.messages)).digest("hex").slice(0, 24)}`;
  const usage = { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens };
  return { id, object: "chat.completion", created: 0, model: request.model, choices: [choice], usage };
}

function textChoice(text: string, limit: number): Choice {
  const fits = estimateTokens(text).likely <= limit;
  const content = fits ? text : text.slice(0, limit * 3);
  return { index: 0, message: { role: "assistant", content }, finish_reason: fits ? "stop" : "length" };
}

/** As many calls as the limit has room for, one at least; the rest is planned again next time. */
function callsChoice(calls: readonly PlannedCall[], limit: number): Choice {
  const wired = calls.map(wire);
  let room = limit;
  const fitting = wired.filter((call, index) => {
    room -= estimateTokens(JSON.stringify(call)).likely;
    return index === 0 || room > 0;
  });
  return { index: 0, message: { role: "assistant", content: null, tool_calls: fitting }, finish_reason: "tool_calls" };
}

function wire({ id, tool, args }: PlannedCall): WireCall {
  return { id, type: "function", function: { name: tool, arguments: JSON.stringify(args) } };
}
