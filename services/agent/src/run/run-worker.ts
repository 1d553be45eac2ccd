/**
 * Owns: one worker's life with its task: hydration, the table of requests, and how it ends.
 * Does not own: what requests do (handlers/), when the task is tried again (run-task.ts).
 * Invariants: S8, S10. A worker works on one task and is killed at its end, whatever the end is.
 */
import { asBulkheadError, BulkheadError, type ErrorCode, isBulkheadError, toWire } from "@bulkhead/core";
import type { PipeValue, WorkerLine, WorkerRequest } from "@bulkhead/schemas";
import { call } from "../handlers/call.ts";
import { finish } from "../handlers/finish.ts";
import { model } from "../handlers/model.ts";
import { park } from "../handlers/park.ts";
import { save } from "../handlers/save.ts";
import type { WorkerProcess } from "../pipe/worker-process.ts";
import type { RunEnd, TaskRun } from "./task-run.ts";

/** After these, nothing that the worker asks for may go on. */
const FATAL: readonly ErrorCode[] = [
  "task.cancelled",
  "task.unknown",
  "snapshot.conflict",
  "lease.invalid",
  "lease.expired",
  "worker.protocol",
  "worker.flood",
  "limits.time",
  "control.stopped",
  "control.quarantined",
];

export async function runInWorker(run: TaskRun, worker: WorkerProcess): Promise<RunEnd> {
  const start = await run.open();
  for (const [ref, text] of run.contents.snapshotTexts(run.keeper.snapshot))
    worker.send({ kind: "content", ref, text });
  worker.send(start);
  worker.read((line) => {
    void receive(run, worker, line);
  });
  const died = worker.ended.then(
    (why): RunEnd => ({ kind: "stopped", why: why ?? new BulkheadError("worker.failed") }),
  );
  return Promise.race([run.ended, died]);
}

async function receive(run: TaskRun, worker: WorkerProcess, line: WorkerLine): Promise<void> {
  if (line.kind === "log") run.host.log.debug({ task: run.task, level: line.level, said: line.message }, "worker says");
  if (!("id" in line)) return;
  try {
    worker.send({ kind: "value", id: line.id, value: await answer(run, line) });
  } catch (error) {
    const failure = asBulkheadError(error);
    if (isBulkheadError(failure, ...FATAL)) run.stop(failure);
    else worker.send({ kind: "error", id: line.id, error: toWire(failure) });
  }
}

async function answer(run: TaskRun, line: WorkerRequest): Promise<PipeValue> {
  switch (line.kind) {
    case "model":
      return model(run, line);
    case "call":
      return call(run, line);
    case "save":
      return save(run, line);
    case "park":
      return park(run, line);
    case "finish":
      return finish(run, line);
  }
}
