/**
 * Owns: one attempt at a model call, from the durable intent to the settlement.
 * Does not own: whether it may be made (`handlers/model.ts`), what is written where (`book.ts`, `answer.ts`).
 * Invariants: S1: the intent is acknowledged before a byte is sent. S7: what was counted and what was reported, whichever is
 * larger, is spent; an attempt whose end nobody knows is spent in full. An attempt always ends settled.
 */
import { asBulkheadError, type BulkheadError } from "@bulkhead/core";
import { type ChatAnswer, cost, costNothing, estimateTokens } from "@bulkhead/llm";
import type { ModelCallDocument, Usage } from "@bulkhead/schemas";
import type { Recorder } from "../events.ts";
import type { Answers } from "./answer.ts";
import { type Book, HOLD_MS, type Settlement } from "./book.ts";
import type { Order } from "./order.ts";

export interface AttemptParts {
  readonly book: Book;
  readonly answers: Answers;
  readonly recorder: Recorder;
  readonly signal: AbortSignal;
}

/** What an attempt came to. */
export type Attempted =
  | { readonly kind: "answered"; readonly call: ModelCallDocument }
  | { readonly kind: "failed"; readonly error: BulkheadError };

export async function attempt(order: Order, call: ModelCallDocument, parts: AttemptParts): Promise<Attempted> {
  let sent = false;
  const stopRenewing = renewing(call, parts);
  try {
    await parts.recorder.intended(order);
    sent = true;
    return await ask(order, call, parts);
  } catch (error) {
    const failure = asBulkheadError(error, "model.unreachable");
    const costMicros = !sent || costNothing(error) ? 0 : call.reservedMicros;
    await finish(order, call, parts, {
      costMicros,
      inputTokens: 0,
      outputTokens: 0,
      outcome: { state: "failed", code: failure.code },
    });
    return { kind: "failed", error: failure };
  } finally {
    stopRenewing();
  }
}

async function ask(order: Order, call: ModelCallDocument, parts: AttemptParts): Promise<Attempted> {
  const { messages, tools, maxOutputTokens, provider } = order;
  const answer = await provider.chat.ask({ messages, tools, maxOutputTokens, signal: parts.signal });
  const usage = usageOf(order, answer);
  const costMicros = cost(usage, provider.price);
  try {
    const { ref, digest } = await parts.answers.keep(order, answer);
    const outcome = { state: "settled" as const, ref, finish: answer.finishReason };
    await finish(order, call, parts, { ...usage, costMicros, outcome }, { latencyMs: answer.latencyMs, digest });
    return { kind: "answered", call: { ...call, ...usage, ...outcome, costMicros: call.costMicros + costMicros } };
  } catch (error) {
    const failure = asBulkheadError(error);
    await finish(order, call, parts, { ...usage, costMicros, outcome: { state: "failed", code: failure.code } });
    return { kind: "failed", error: failure };
  }
}

/** The larger of what the provider reports and what was counted here (COST-05). */
export function usageOf({ tokens }: Order, { usage, text, toolCalls }: ChatAnswer): Usage {
  const said = estimateTokens(
    text + toolCalls.map((each) => each.name + (each.raw ?? JSON.stringify(each.args))).join(""),
  );
  return {
    inputTokens: Math.max(usage?.input ?? 0, tokens.likely),
    outputTokens: Math.max(usage?.output ?? 0, said.likely),
  };
}

/** Keeps the attempt this process's own while it runs. */
function renewing(call: ModelCallDocument, { book }: AttemptParts): () => void {
  const timer = setInterval(() => void book.renew(call).catch(() => undefined), HOLD_MS / 3);
  return () => {
    clearInterval(timer);
  };
}

async function finish(
  order: Order,
  call: ModelCallDocument,
  { book, recorder }: AttemptParts,
  settlement: Settlement,
  seen: { readonly latencyMs?: number; readonly digest?: string } = {},
): Promise<void> {
  if (await book.settle(call, settlement)) await recorder.settled(order, settlement, seen);
}
