import { asBulkheadError, BulkheadError, ERROR_CODES, type ErrorCode, isErrorCode } from "@bulkhead/core";
import type { CallReply, PipeCallOutcome, PipeValue, WorkerLine } from "@bulkhead/schemas";
import { callRefused } from "../events.ts";
import { patiently, sleep } from "../run/patience.ts";
import type { TaskRun } from "../run/task-run.ts";

type CallLine = Extract<WorkerLine, { kind: "call" }>;

/** Everybody hears of a stop and of a resume within twice this time. */
const HEARD_MS = 1_000;

export async function call(run: TaskRun, line: CallLine): Promise<PipeValue> {
  const { step, index, tool } = line;
  const callId = `${run.task}.${step}.${index}`;
  if (run.unsaved.has(step)) throw new BulkheadError("worker.protocol", "A call before its answer was saved.");
  if (!run.host.tools.some(({ name }) => name === tool)) return refuse(run, callId, tool, "tool.undeclared");
  if (++run.used.calls > run.work.limits.calls) return refuse(run, callId, tool, "limits.steps");
  const reply = await askThroughStops(run, line, callId);
  if (reply.status === "done") run.contents.add(reply.result.ref, reply.result.text);
  return { kind: "call", outcome: outcomeOf(reply) };
}

/**
 * A stop of the agent reaches this host as well: then the worker dies, and its successor asks again after the resume. A resume may
 * not have reached whoever refused. What is refused for longer is a stop of the tool, and the worker is told.
 */
async function askThroughStops(run: TaskRun, line: CallLine, callId: string): Promise<CallReply> {
  for (let again = 2; ; again--) {
    const reply = await ask(run, line, callId);
    if (again === 0 || reply.status !== "refused" || reply.code !== "control.stopped") return reply;
    await sleep(HEARD_MS, run.signal);
  }
}

async function ask(run: TaskRun, { tool, args }: CallLine, callId: string): Promise<CallReply> {
  const { bus, agent, clock } = run.host;
  const request = { callId, task: run.task, agent: agent.name, tool, args };
  const once = async () =>
    retried(await bus.request("call", { ...request, lease: run.keeper.lease }, { values: { tool } }));
  try {
    return await patiently(
      clock,
      run.signal,
      once,
      (reply) => reply.status === "pending" && reply.proposal === undefined,
    );
  } catch (error) {
    run.signal.throwIfAborted();
    const { code, message } = asBulkheadError(error);
    return { status: "refused", code, message };
  }
}

/** A refusal for a passing reason (a stale beat, a store away) is asked again for a while. */
function retried(reply: CallReply): CallReply {
  if (reply.status !== "refused" || !isErrorCode(reply.code) || ERROR_CODES[reply.code].disposition !== "retry")
    return reply;
  throw new BulkheadError(reply.code);
}

function outcomeOf(reply: CallReply): PipeCallOutcome {
  if (reply.status === "pending") return { status: "waiting" };
  if (reply.status !== "done") return reply;
  return { status: "done", ref: reply.result.ref, text: reply.result.text };
}

async function refuse(run: TaskRun, callId: string, tool: string, code: ErrorCode): Promise<PipeValue> {
  await callRefused(run, { callId, tool, code });
  return { kind: "call", outcome: { status: "refused", code, message: ERROR_CODES[code].text } };
}
