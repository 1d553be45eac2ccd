/**
 * Owns: taking tasks while there is room, and giving them back at the end or when a stop or a quarantine holds the agent.
 * Does not own: what happens to a task (run/).
 * Invariants: S10. What was taken is finished, parked or released before this is disposed; what could not be is given out again by `tasks` when its lease ends.
 * A stop counts as obeyed when no worker with a task is alive.
 */
import { asBulkheadError, BulkheadError } from "@bulkhead/core";
import { heldBy } from "@bulkhead/policy";
import type { ControlView } from "@bulkhead/service";
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
  private holding = new AbortController();

  constructor(options: DispatcherOptions) {
    this.options = options;
    this.signal = AbortSignal.any([options.signal, this.stopping.signal]);
    options.host.control.obey((view) => this.obey(view));
    this.loop = this.take();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stopping.abort();
    await this.loop;
    await Promise.all(this.running);
  }

  private async obey({ values }: ControlView): Promise<void> {
    const held = heldBy(values, this.options.host.agent.name);
    if (held === undefined) this.holding = new AbortController();
    else await this.hold(new BulkheadError(held));
  }

  private async hold(why: BulkheadError): Promise<void> {
    this.holding.abort(why);
    await this.options.pool.kill(why);
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
      const { work, stop } = await host.bus.request(
        "next",
        { agent: host.agent.name, host: instance, waitMs: WAIT_MS },
        { signal: this.signal },
      );
      if (stop !== undefined) host.control.learn("stop", stop);
      if (work !== null) this.start(work);
    } catch (error) {
      if (this.signal.aborted) return;
      host.log.debug({ code: asBulkheadError(error).code }, "no task can be taken at the moment");
      await sleep(PAUSE_MS, this.signal).catch(() => undefined);
    }
  }

  private start(work: Work): void {
    const { host, pool } = this.options;
    const held = heldBy(host.control.view().values, host.agent.name);
    if (held !== undefined) this.holding.abort(new BulkheadError(held));
    const signal = AbortSignal.any([this.signal, this.holding.signal]);
    const run = runTask(work, host, pool, signal).catch((error: unknown) => {
      const { code, message } = asBulkheadError(error);
      host.log.error({ task: work.task.id, code, reason: message }, "the task was left to its lease's end");
    });
    this.running.add(run);
    void run.finally(() => this.running.delete(run));
  }
}
