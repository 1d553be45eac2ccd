import { BulkheadError, ERROR_CODES, isErrorCode } from "@bulkhead/core";
import type { ModelReply, PipeValue, WorkerLine } from "@bulkhead/schemas";
import { patiently } from "../run/patience.ts";
import type { TaskRun } from "../run/task-run.ts";

type ModelLine = Extract<WorkerLine, { kind: "model" }>;

export async function model(run: TaskRun, line: ModelLine): Promise<PipeValue> {
  admit(run, line.step);
  const { bus, agent, clock } = run.host;
  const messages = run.contents.resolve(line.messages);
  const { step, tools, maxOutputTokens } = line;
  const request = {
    id: `${run.task}.${step}.m`,
    task: run.task,
    agent: agent.name,
    messages,
    tools,
    ...(maxOutputTokens === undefined ? {} : { maxOutputTokens }),
  };
  const ask = async () => settled(await bus.request("model", { ...request, lease: run.keeper.lease }));
  const reply = await patiently(clock, run.signal, ask, (answer) => answer.status === "pending");
  if (reply.status !== "done") throw new BulkheadError("internal");
  return deliver(run, step, reply);
}

function admit(run: TaskRun, step: number): void {
  const { steps, tokens } = run.work.limits;
  if (step >= steps) throw new BulkheadError("limits.steps");
  if (run.used.inputTokens + run.used.outputTokens > tokens) throw new BulkheadError("limits.tokens");
}

function settled(reply: ModelReply): ModelReply {
  if (reply.status !== "refused") return reply;
  if (!isErrorCode(reply.code)) throw new BulkheadError("model.refused");
  const detail = reply.message === ERROR_CODES[reply.code].text ? undefined : reply.message;
  throw new BulkheadError(reply.code, detail);
}

function deliver(run: TaskRun, step: number, reply: Extract<ModelReply, { status: "done" }>): PipeValue {
  run.contents.add(reply.ref, JSON.stringify(reply.answer));
  run.used.inputTokens += reply.usage.inputTokens;
  run.used.outputTokens += reply.usage.outputTokens;
  run.unsaved.add(step);
  return { kind: "model", ref: reply.ref, answer: reply.answer, usage: reply.usage };
}
