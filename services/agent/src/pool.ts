import type { BulkheadError, Clock } from "@bulkhead/core";
import { WorkerProcess } from "./pipe/worker-process.ts";
import type { Workers } from "./run/run-task.ts";
import type { Sandbox } from "./sandbox/detect.ts";
import { launch } from "./sandbox/launch.ts";

export interface PoolOptions {
  readonly sandbox: Sandbox;
  readonly bundle: string;
  readonly warm: number;
  readonly clock: Clock;
}

/** Workers started ahead of their tasks. Each is used for one task, then killed. */
export class WorkerPool implements Workers, AsyncDisposable {
  private readonly options: PoolOptions;
  private readonly ready = new Set<WorkerProcess>();
  private readonly busy = new Set<WorkerProcess>();
  private closed = false;

  constructor(options: PoolOptions) {
    this.options = options;
    this.fill();
  }

  get level(): string {
    return this.options.sandbox.level.name;
  }

  take(signal: AbortSignal): Promise<WorkerProcess> {
    signal.throwIfAborted();
    const [worker = this.start()] = this.ready;
    this.ready.delete(worker);
    this.busy.add(worker);
    void worker.ended.then(() => this.busy.delete(worker));
    this.fill();
    return Promise.resolve(worker);
  }

  /** Kills every worker that has a task; resolves when they are gone. Those that have none know nothing and can reach nobody. */
  async kill(why: BulkheadError): Promise<void> {
    const busy = [...this.busy];
    for (const worker of busy) worker.kill(why);
    await Promise.all(busy.map(({ ended }) => ended));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.closed = true;
    await Promise.all([...this.ready].map((worker) => worker[Symbol.asyncDispose]()));
  }

  private fill(): void {
    while (!this.closed && this.ready.size < this.options.warm) this.keep(this.start());
  }

  private keep(worker: WorkerProcess): void {
    this.ready.add(worker);
    void worker.ended.then(() => this.ready.delete(worker));
  }

  private start(): WorkerProcess {
    const { sandbox, bundle, clock } = this.options;
    return new WorkerProcess(launch(bundle, sandbox.options), clock);
  }
}
