import { asBulkheadError, BulkheadError, type ErrorCode, isBulkheadError } from "@bulkhead/core";
import { workerFinished, workerKilled, workerStarted } from "../events.ts";
import type { WorkerProcess } from "../pipe/worker-process.ts";
import type { HostPort } from "../ports.ts";
import { runInWorker } from "./run-worker.ts";
import { type RunEnd, TaskRun, type Work } from "./task-run.ts";

const WORKERS_PER_TASK = 3;

export interface Workers {
  readonly level: string;
  take(signal: AbortSignal): Promise<WorkerProcess>;
  kill(why: BulkheadError): Promise<void>;
}

/**
 * Works on one task until it is finished, parked or taken away. A worker that dies by itself is replaced, under the same lease and the
 * same call ids, from the last save; one that breaks the pipe's contract is not.
 */
export async function runTask(work: Work, host: HostPort, workers: Workers, signal: AbortSignal): Promise<void> {
  using run = new TaskRun(work, host);
  const leave = () => {
    run.stop(asBulkheadError(signal.reason, "unavailable"));
  };
  if (signal.aborted) leave();
  signal.addEventListener("abort", leave, { once: true });
  try {
    await conclude(run, await attempts(run, workers));
  } finally {
    signal.removeEventListener("abort", leave);
  }
}

async function attempts(run: TaskRun, workers: Workers): Promise<RunEnd> {
  for (let attempt = 1; ; attempt++) {
    if (run.signal.aborted) return run.ended;
    const end = await attemptOnce(run, workers);
    const again = end.kind === "stopped" && isBulkheadError(end.why, "worker.failed") && !run.signal.aborted;
    if (!again || attempt === WORKERS_PER_TASK) return end;
  }
}

async function attemptOnce(run: TaskRun, workers: Workers): Promise<RunEnd> {
  const startedAt = run.host.clock.now();
  run.startOver();
  await using worker = await workers.take(run.signal);
  await workerStarted(run, workers.level);
  const end = await runInWorker(run, worker).catch(
    (error: unknown): RunEnd => ({ kind: "stopped", why: asBulkheadError(error) }),
  );
  if (end.kind === "stopped") worker.kill(end.why);
  if (end.kind === "stopped") await workerKilled(run, end.why, worker.stderr);
  else await workerFinished(run, end.kind, run.host.clock.now() - startedAt);
  return end;
}

const NOT_OURS: readonly ErrorCode[] = [
  "task.cancelled",
  "task.unknown",
  "snapshot.conflict",
  "lease.invalid",
  "lease.expired",
];

/** The task did nothing wrong: it goes on, under the same call ids, when its agent may work again. */
const HOLDING: readonly ErrorCode[] = ["control.stopped", "control.quarantined"];

/** Tells `tasks` what the worker could not. Whoever has lost the lease has nothing to tell. */
async function conclude(run: TaskRun, end: RunEnd): Promise<void> {
  if (end.kind !== "stopped" || NOT_OURS.includes(end.why.code)) return;
  const released = end.why.disposition === "retry" || isBulkheadError(end.why, ...HOLDING);
  const outcome = { outcome: released ? "released" : "failed", code: end.why.code } as const;
  await run.host.bus.request("finish", { lease: run.keeper.lease, ...outcome }, { attempts: released ? 1 : 5 });
}
