/**
 * Owns: the way of one model call: reserve, record, ask, keep the answer, settle.
 * Does not own: the accounts (budget/), the provider's protocol (packages/llm), where texts lie (memory).
 * Invariants: S1: nothing is sent before the reservation and its record are durable. S7: what may have been sent is
 * settled at the larger of reported and counted, and in full if that is not known. S10: a repeated id gets the recorded
 * answer; only a call that never left, or was given up and paid in full, is made again.
 */
import { asBulkheadError, BulkheadError, digest, type ErrorCode } from "@bulkhead/core";
import { type ChatAnswer, type ChatTool, cost, costNothing, estimateRequest, estimateTokens } from "@bulkhead/llm";
import { ModelAnswer, type ModelCallDocument, type ModelReply, type ModelRequest } from "@bulkhead/schemas";
import type { Models } from "../port.ts";
import type { Provider } from "./provider.ts";

const MARGIN_MS = 10_000;

interface Planned {
  readonly request: ModelRequest;
  readonly provider: Provider;
  readonly tools: readonly ChatTool[];
  readonly maxOutputTokens: number;
  readonly digest: string;
  /** The worst case, in micro-units. */
  readonly micros: number;
}

export async function ask(models: Models, request: ModelRequest): Promise<ModelReply> {
  const planned = await plan(models, request);
  const known = await models.calls.findOne({ _id: request.id });
  if (known === undefined) return await first(models, planned);
  if (known.digest !== planned.digest) {
    await models.record.conflict(known);
    throw new BulkheadError("call.conflict");
  }
  if (known.state === "settled") return await recorded(models, known);
  if (known.state === "reserved" && known.deadline > models.clock.now()) return { status: "pending" };
  return await again(models, planned, known);
}

async function plan(models: Models, request: ModelRequest): Promise<Planned> {
  const provider = await models.provider(request.agent);
  const tools = request.tools.map((name) => toolOf(models, name));
  const maxOutputTokens = Math.min(request.maxOutputTokens ?? Infinity, provider.model.maxOutputTokens);
  const { worst } = estimateRequest(request.messages, tools);
  const micros = cost({ inputTokens: worst, outputTokens: maxOutputTokens }, provider.model.price);
  const { messages } = request;
  return {
    request,
    provider,
    tools,
    maxOutputTokens,
    micros,
    digest: digest("model", { messages, tools: request.tools, maxOutputTokens, model: provider.model.model }),
  };
}

function toolOf({ policy }: Models, name: string): ChatTool {
  const contract = policy.tool(name);
  if (contract === undefined) throw new BulkheadError("tool.unknown", `(${name})`);
  return { name, description: contract.description, parameters: contract.inputSchema };
}

async function first(models: Models, planned: Planned): Promise<ModelReply> {
  const day = await models.accounts.reserve(planned.request.agent, planned.micros);
  const call = documentOf(models, planned, day);
  if ((await models.calls.insert(call)).ok) return await make(models, planned, call);
  await models.accounts.settle(call.agent, day, planned.micros, 0);
  return { status: "pending" };
}

/** A call that failed, or whose maker died: what may have been spent is spent, and a new reservation is made. */
async function again(models: Models, planned: Planned, known: ModelCallDocument): Promise<ModelReply> {
  const { agent } = planned.request;
  const day = await models.accounts.reserve(agent, planned.micros);
  const lost = known.state === "reserved" ? known.reservedMicros : 0;
  const fresh = { ...documentOf(models, planned, day), costMicros: known.costMicros + lost };
  const { state, owner, deadline, reservedMicros, costMicros } = fresh;
  const mine = await models.calls.compareAndSet(
    { _id: known._id, state: known.state, owner: known.owner, deadline: known.deadline },
    { set: { state, owner, deadline, day, reservedMicros, costMicros }, unset: ["code"] },
  );
  if (!mine) await models.accounts.settle(agent, day, planned.micros, 0);
  if (!mine) return { status: "pending" };
  if (lost > 0) await models.accounts.settle(agent, known.day, lost, lost);
  return await make(models, planned, fresh);
}

function documentOf(
  { clock, instance, policy }: Models,
  { request, provider, digest: own, micros }: Planned,
  day: string,
): ModelCallDocument {
  const now = clock.now();
  return {
    ...{ _id: request.id, agent: request.agent, task: request.task, digest: own, model: provider.model.model, day },
    ...{ state: "reserved", owner: instance, deadline: now + provider.model.timeoutMs + MARGIN_MS },
    ...{ reservedMicros: micros, costMicros: 0, inputTokens: 0, outputTokens: 0, at: now },
    expires: new Date(now + policy.policy.retention.taskMs),
  };
}

async function make(models: Models, planned: Planned, call: ModelCallDocument): Promise<ModelReply> {
  const started = models.clock.monotonic();
  const latency = (): number => Math.round(models.clock.monotonic() - started);
  let sent = false;
  try {
    await models.record.intent(call);
    sent = true;
    const { request, tools, maxOutputTokens, provider } = planned;
    const answer = await provider.chat.ask({ messages: request.messages, tools, maxOutputTokens });
    return await settle(models, planned, call, answer);
  } catch (error) {
    const spent = sent && !costNothing(error) ? planned.micros : 0;
    return await giveUp(
      models,
      call,
      { spent, code: asBulkheadError(error, "model.malformed").code, latencyMs: latency() },
      error,
    );
  }
}

async function settle(
  models: Models,
  planned: Planned,
  call: ModelCallDocument,
  answer: ChatAnswer,
): Promise<ModelReply> {
  const usage = usageOf(planned, answer);
  const costMicros = call.costMicros + cost(usage, planned.provider.model.price);
  const kept = ModelAnswer.parse({ text: answer.text, toolCalls: answer.toolCalls });
  const ref = await keep(models, call, kept);
  const done: ModelCallDocument = { ...call, state: "settled", ...usage, costMicros, ref, finish: answer.finishReason };
  const { state, inputTokens, outputTokens, finish } = done;
  await models.calls.compareAndSet(
    { _id: call._id, owner: call.owner, state: "reserved" },
    { set: { state, inputTokens, outputTokens, costMicros, ref, ...(finish !== undefined && { finish }) } },
  );
  await models.accounts.settle(call.agent, call.day, call.reservedMicros, costMicros - call.costMicros);
  await models.record.settled(done, answer.latencyMs);
  return replyOf(done, kept);
}

/** The larger of what the provider reports and what was counted (COST-05). */
function usageOf(
  { request, tools }: Planned,
  { usage, text, toolCalls }: ChatAnswer,
): { inputTokens: number; outputTokens: number } {
  const counted = {
    input: estimateRequest(request.messages, tools).likely,
    output: estimateTokens(text + JSON.stringify(toolCalls)).likely,
  };
  return {
    inputTokens: Math.max(usage?.input ?? 0, counted.input),
    outputTokens: Math.max(usage?.output ?? 0, counted.output),
  };
}

async function keep({ bus, clock }: Models, { task, _id }: ModelCallDocument, answer: ModelAnswer): Promise<string> {
  const provenance = { origin: "model" as const, source: `model:${_id}`, at: clock.now() };
  const reply = await bus.request(
    "content",
    { kind: "put", task, about: "model", text: JSON.stringify(answer), labels: [], provenance },
    { attempts: 3 },
  );
  if (reply.kind !== "put") throw new BulkheadError("schema.invalid");
  return reply.ref;
}

interface Failure {
  readonly spent: number;
  readonly code: ErrorCode;
  readonly latencyMs: number;
}

async function giveUp(
  models: Models,
  call: ModelCallDocument,
  { spent, code, latencyMs }: Failure,
  cause: unknown,
): Promise<never> {
  const failed: ModelCallDocument = { ...call, state: "failed", costMicros: call.costMicros + spent, code };
  await models.calls.compareAndSet(
    { _id: call._id, owner: call.owner, state: "reserved" },
    { set: { state: "failed", costMicros: failed.costMicros, code } },
  );
  await models.accounts.settle(call.agent, call.day, call.reservedMicros, spent);
  await models.record.settled(failed, latencyMs);
  throw new BulkheadError(code, undefined, { cause });
}

async function recorded({ bus }: Models, call: ModelCallDocument): Promise<ModelReply> {
  if (call.ref === undefined) throw new BulkheadError("content.missing");
  const reply = await bus.request("content", { kind: "get", ref: call.ref }, { attempts: 3 });
  if (reply.kind !== "get") throw new BulkheadError("content.missing");
  return replyOf(call, ModelAnswer.parse(JSON.parse(reply.text)));
}

function replyOf(call: ModelCallDocument, answer: ModelAnswer): ModelReply {
  const { ref = "", inputTokens, outputTokens, costMicros, model, finish } = call;
  const known = ["stop", "tool-calls", "length"] as const;
  return {
    status: "done",
    ref,
    answer,
    usage: { inputTokens, outputTokens },
    costMicros,
    model,
    finish: known.find((one) => one === finish) ?? "other",
  };
}
