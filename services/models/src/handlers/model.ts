import type { Received } from "@bulkhead/bus";
import { asBulkheadError, BulkheadError, type Disposition } from "@bulkhead/core";
import type { ModelCallDocument, ModelReply, ModelRequest } from "@bulkhead/schemas";
import { type Attempted, attempt } from "../call/attempt.ts";
import { type Order, orderOf } from "../call/order.ts";
import { assertPermitted } from "../permitted.ts";
import type { ModelsParts } from "../service.ts";
import { settleAbandoned } from "../sweep.ts";

const ANSWER_WITHIN_MS = 1_500;
const AGAIN: Disposition = "retry";
const PENDING: ModelReply = { status: "pending" };

/** Nobody waits long: what is not known in time is `pending`, goes on, and is found when it is asked for again. */
export async function model({ body, issuer }: Received<"model">, parts: ModelsParts): Promise<ModelReply> {
  return await soon(answered(body, issuer, parts));
}

async function answered(body: ModelRequest, issuer: string, parts: ModelsParts): Promise<ModelReply> {
  try {
    if (issuer !== `host-${body.agent}`) throw new BulkheadError("forbidden");
    const order = orderOf(body, parts.policy, parts.providers, parts.clock.now());
    return await replyTo(order, parts);
  } catch (error) {
    const refusal = asBulkheadError(error);
    await parts.recorder.refused(body, refusal.code);
    if (refusal.disposition === AGAIN) throw refusal;
    return { status: "refused", code: refusal.code, message: refusal.message };
  }
}

/** A recorded reply is given again and not paid again; a call under way is waited for; else one is made. */
async function replyTo(order: Order, parts: ModelsParts): Promise<ModelReply> {
  const known = await knownCall(order, parts);
  if (known?.state === "settled") return recorded(known, parts);
  if (known?.state === "reserved" && !parts.running.has(order.id)) return PENDING;
  if (known?.state === "failed" && !mayRepeat(known)) throw failureOf(known);
  const attempted = await (parts.running.get(order.id) ?? start(order, known, parts));
  if (attempted === undefined) return PENDING;
  if (attempted.kind === "failed") throw attempted.error;
  return recorded(attempted.call, parts);
}

/** What the book says of the call, once an attempt whose process died is settled. */
async function knownCall(order: Order, parts: ModelsParts): Promise<ModelCallDocument | undefined> {
  const call = await parts.book.find(order);
  if (call?.state !== "reserved" || call.deadline >= parts.clock.now() || parts.running.has(order.id)) return call;
  await settleAbandoned(call, parts);
  return await parts.book.find(order);
}

/** The attempt goes on when the caller no longer waits: asked again, it is found here or in the book. */
function start(order: Order, known: ModelCallDocument | undefined, parts: ModelsParts): Promise<Attempted | undefined> {
  const running = begin(order, known, parts).finally(() => {
    parts.running.delete(order.id);
    parts.projection.touch(order.agent);
  });
  running.catch(() => undefined);
  parts.running.set(order.id, running);
  return running;
}

async function begin(
  order: Order,
  known: ModelCallDocument | undefined,
  parts: ModelsParts,
): Promise<Attempted | undefined> {
  assertPermitted(order.agent, parts.control.view(), parts.clock.now());
  const call = await parts.book.open(order, known);
  if (call === undefined) return undefined;
  parts.projection.touch(order.agent);
  return await attempt(order, call, parts);
}

async function recorded(call: ModelCallDocument, { answers }: ModelsParts): Promise<ModelReply> {
  const { ref, inputTokens, outputTokens, costMicros, model: name, finish } = call;
  if (ref === undefined) throw new BulkheadError("content.missing");
  const answer = await answers.recall(ref);
  const known = (["stop", "tool-calls", "length"] as const).find((each) => each === finish) ?? "other";
  return { status: "done", ref, answer, usage: { inputTokens, outputTokens }, costMicros, model: name, finish: known };
}

function mayRepeat(call: ModelCallDocument): boolean {
  return failureOf(call).disposition === AGAIN;
}

function failureOf({ code }: ModelCallDocument): BulkheadError {
  return new BulkheadError((code ?? "internal") as "internal");
}

async function soon(reply: Promise<ModelReply>): Promise<ModelReply> {
  reply.catch(() => undefined);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<ModelReply>((resolve) => {
    timer = setTimeout(resolve, ANSWER_WITHIN_MS, PENDING);
  });
  return await Promise.race([reply, late]).finally(() => {
    clearTimeout(timer);
  });
}
