/**
 * Owns: how many tokens a text has, without a provider.
 * Does not own: what a provider reports (`chat.ts`), money (`price.ts`).
 * Invariants: linear time in the text's length (a byte-pair encoder takes a minute for 20,000 equal letters, so none
 * reads text from outside); `worst` is never below what the o200k_base encoding gives, as the tests compare it (COST-03).
 */
import type { ModelMessage } from "@bulkhead/schemas";

/** Tokens of a text: a likely figure, to hold a provider's report against, and an upper bound, to reserve. */
export interface TokenEstimate {
  readonly likely: number;
  readonly worst: number;
}

/** A function tool as a model sees it. `parameters` is a JSON Schema of an object. */
export interface ChatTool {
  readonly name: string;
  readonly description: string;
  readonly parameters: Readonly<Record<string, unknown>>;
}

const PER_MESSAGE = 8;
const PER_TOOL = 24;
const BYTES_PER_LIKELY_TOKEN = 4;
const LONG_RUN = 24;
const LAST_CAPITAL = 90;

/** Estimates one text. `worst` takes words at their shortest tokens, and everything else by its bytes. */
export function estimateTokens(text: string): TokenEstimate {
  let worst = 0;
  let at = 0;
  while (at < text.length) {
    const end = runEnd(text, at);
    worst += isWordCode(text.charCodeAt(at)) ? wordTokens(text, at, end) : bytesOf(text, at, end);
    at = end;
  }
  const likely = Math.min(worst, Math.ceil(Buffer.byteLength(text) / BYTES_PER_LIKELY_TOKEN));
  return { likely, worst };
}

/** Estimates a whole request: messages, calls in them, and the tools' names, descriptions and schemas. */
export function estimateRequest(messages: readonly ModelMessage[], tools: readonly ChatTool[]): TokenEstimate {
  const parts = [...messages.map(messageText), ...tools.map((tool) => JSON.stringify(tool))].map(estimateTokens);
  const frame = messages.length * PER_MESSAGE + tools.length * PER_TOOL;
  const total = (pick: keyof TokenEstimate): number => parts.reduce((sum, part) => sum + part[pick], frame);
  return { likely: total("likely"), worst: total("worst") };
}

function messageText(message: ModelMessage): string {
  if (message.role === "tool") return message.toolCallId + message.text;
  if (message.role !== "assistant") return message.text;
  return (
    message.text +
    message.toolCalls.map((call) => call.id + call.name + (call.raw ?? JSON.stringify(call.args))).join("")
  );
}

/** A word has at least one and a half letters a token; capitals inside it, or great length, mean encoded text: one each. */
function wordTokens(text: string, start: number, end: number): number {
  const letters = end - start;
  for (let at = start + 1; at < end; at++) if (text.charCodeAt(at) <= LAST_CAPITAL) return letters;
  return letters > LONG_RUN ? letters : Math.ceil((letters * 2) / 3);
}

function runEnd(text: string, start: number): number {
  const word = isWordCode(text.charCodeAt(start));
  let end = start + 1;
  while (end < text.length && isWordCode(text.charCodeAt(end)) === word) end++;
  return end;
}

function isWordCode(code: number): boolean {
  return (code >= 97 && code <= 122) || (code >= 65 && code <= 90);
}

/** Bytes of a run without letters; single blanks before a word belong to the word's token. */
function bytesOf(text: string, start: number, end: number): number {
  const run = text.slice(start, end);
  return run === " " ? 0 : Buffer.byteLength(run);
}
