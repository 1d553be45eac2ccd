import type { BulkheadError } from "@bulkhead/core";
import type { TaskRun } from "./run/task-run.ts";

function about(run: TaskRun) {
  return { agent: run.host.agent.name, task: run.task, causes: [`task:${run.task}`] };
}

export async function workerStarted(run: TaskRun, level: string): Promise<void> {
  run.host.log.info({ task: run.task, level }, "worker started");
  await run.host.audit.record("worker.started", { ...about(run), state: level });
}

export async function workerFinished(run: TaskRun, state: string, latencyMs: number): Promise<void> {
  const { inputTokens, outputTokens, calls } = run.used;
  run.host.log.info({ task: run.task, state, latencyMs, calls }, "worker finished");
  await run.host.audit.record("worker.finished", {
    ...about(run),
    state,
    latencyMs,
    inputTokens,
    outputTokens,
    count: calls,
  });
}

export async function workerKilled(run: TaskRun, why: BulkheadError, stderr: string): Promise<void> {
  run.host.log.warn({ task: run.task, code: why.code, reason: why.message }, "worker killed");
  if (stderr !== "") run.host.log.debug({ task: run.task, stderr }, "what the worker wrote to stderr");
  await run.host.audit.record("worker.killed", { ...about(run), code: why.code });
  if (why.code === "worker.flood") await run.host.audit.record("security.flood", { ...about(run), code: why.code });
  if (why.code === "worker.protocol") await run.host.audit.record("security.forged", { ...about(run), code: why.code });
}

export async function callRefused(
  run: TaskRun,
  refused: { callId: string; tool: string; code: string },
): Promise<void> {
  run.host.log.warn({ ...refused }, "call refused");
  await run.host.audit.record("call.refused", { ...about(run), ...refused });
}
