import { BulkheadError, isErrorCode } from "@bulkhead/core";
import type { PipeValue, WorkerLine } from "@bulkhead/schemas";
import type { TaskRun } from "../run/task-run.ts";

type FinishLine = Extract<WorkerLine, { kind: "finish" }>;

export async function finish(run: TaskRun, line: FinishLine): Promise<PipeValue> {
  const result = line.result === undefined ? {} : { result: await refOf(run, line.result) };
  const code = line.outcome === "failed" ? { code: codeOf(line.code) } : {};
  await run.keeper.close(() =>
    run.host.bus.request("finish", { lease: run.keeper.lease, outcome: line.outcome, ...result, ...code }),
  );
  run.end({ kind: "finished" });
  return { kind: "finish" };
}

function codeOf(code: string | undefined): string {
  return isErrorCode(code) ? code : "worker.failed";
}

async function refOf(run: TaskRun, result: NonNullable<FinishLine["result"]>): Promise<string> {
  if ("text" in result) return store(run, result.text);
  run.contents.text(result.ref);
  return result.ref;
}

/** A text of the worker's own may hold anything that it has read: it gets every label. */
async function store(run: TaskRun, text: string): Promise<string> {
  const provenance = { origin: "agent" as const, source: run.host.agent.name, at: run.host.clock.now() };
  const reply = await run.host.bus.request(
    "content",
    { kind: "put", task: run.task, about: "result", text, labels: ["A", "B"], provenance },
    { attempts: 5 },
  );
  if (reply.kind !== "put") throw new BulkheadError("content.missing");
  return reply.ref;
}
