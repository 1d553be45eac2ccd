/**
 * Owns: taking tasks while there is room, and giving them back at the end.
 * Does not own: what happens to a task (run/).
 * Invariants: S10. What was taken is finished, parked or released before this is disposed; what could not be is given out again by `tasks` when its lease ends.
 */
import { asBulkheadError } from "@bulkhead/core";
import type { HostPort } from "./ports.ts";
import { sleep } from "./run/patience.ts";
import { runTask, type Workers } from "./run/run-task.ts";
import type { Work } from "./run/task-run.ts";

const WAIT_MS = 1_500;
const PAUSE_MS = 500;

export interface DispatcherOptions {
  readonly host: HostPort;
  readonly pool: Workers;
  readonly concurrency: number;
  readonly instance: string;
  readonly signal: AbortSignal;
}

export class Dispatcher implements AsyncDisposable {
  private readonly options: DispatcherOptions;
  private readonly running = new Set<Promise<void>>();
  private readonly loop: Promise<void>;
  private readonly stopping = new AbortController();
  private readonly signal: AbortSignal;

  constructor(options: DispatcherOptions) {
    this.options = options;
    this.signal = AbortSignal.any([options.signal, this.stopping.signal]);
    this.loop = this.take();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stopping.abort();
    await this.loop;
    await Promise.all(this.running);
  }

  private async take(): Promise<void> {
    while (!this.signal.aborted) {
      if (this.running.size >= this.options.concurrency) await Promise.race(this.running);
      else await this.next();
    }
  }

  private async next(): Promise<void> {
    const { host, instance } = this.options;
    try {
      const { work } = await host.bus.request(
        "next",
        { agent: host.agent.name, host: instance, waitMs: WAIT_MS },
        { signal: this.signal },
      );
      if (work !== null) this.start(work);
    } catch (error) {
      if (this.signal.aborted) return;
      host.log.debug({ code: asBulkheadError(error).code }, "no task can be taken at the moment");
      await sleep(PAUSE_MS, this.signal).catch(() => undefined);
    }
  }

  private start(work: Work): void {
    const { host, pool } = this.options;
    const run = runTask(work, host, pool, this.signal).catch((error: unknown) => {
      const { code, message } = asBulkheadError(error);
      host.log.error({ task: work.task.id, code, reason: message }, "the task was left to its lease's end");
    });
    this.running.add(run);
    void run.finally(() => this.running.delete(run));
  }
}
