/**
 * Owns: one task's lease, its snapshot's version, and that saves go one after the other.
 * Does not own: what a snapshot says (the worker), whether the lease still holds (tasks).
 * Invariants: S10. What is saved is fenced by the lease and by the version before it; a lease is renewed at half of its
 * life; when it cannot be, `lost` is called, so that the worker is killed before the task is given out again.
 */
import { asBulkheadError, BulkheadError, type Clock } from "@bulkhead/core";
import { type AnyEnvelope, Lease, type Snapshot } from "@bulkhead/schemas";
import type { TaskPort } from "../ports.ts";
import { patiently } from "./patience.ts";

const EMPTY: Snapshot = {
  v: 1,
  step: 0,
  state: "thinking",
  used: { inputTokens: 0, outputTokens: 0, calls: 0 },
  turns: [],
};

export class LeaseKeeper implements Disposable {
  lease: AnyEnvelope;
  snapshot: Snapshot;
  version: number;
  private readonly bus: TaskPort;
  private readonly clock: Clock;
  private readonly signal: AbortSignal;
  private readonly lost: (why: BulkheadError) => void;
  private queue: Promise<unknown> = Promise.resolve();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    first: { lease: AnyEnvelope; snapshot: Snapshot | null; version: number },
    port: { bus: TaskPort; clock: Clock; signal: AbortSignal; lost: (why: BulkheadError) => void },
  ) {
    this.lease = first.lease;
    this.snapshot = first.snapshot ?? EMPTY;
    this.version = first.version;
    this.bus = port.bus;
    this.clock = port.clock;
    this.signal = port.signal;
    this.lost = port.lost;
    this.schedule();
  }

  /** @throws BulkheadError `task.cancelled|snapshot.conflict|lease.*|…` */
  async save(snapshot: Snapshot): Promise<void> {
    await this.alone(async () => {
      const { lease, version, cancelled } = await this.ask(() =>
        this.bus.request("save", { lease: this.lease, version: this.version, snapshot }),
      );
      this.lease = lease;
      this.version = version;
      this.snapshot = snapshot;
      this.schedule();
      if (cancelled) throw new BulkheadError("task.cancelled");
    });
  }

  /** Runs `last` after all saves. No renewal follows, unless it fails. */
  async close<T>(last: () => Promise<T>): Promise<T> {
    return this.alone(async () => {
      this[Symbol.dispose]();
      return this.ask(last).catch((error: unknown) => {
        this.schedule();
        throw error;
      });
    });
  }

  [Symbol.dispose](): void {
    clearTimeout(this.timer);
  }

  /** Renews from now on, after a `close` that did not end the task. */
  schedule(): void {
    clearTimeout(this.timer);
    const left = Lease.parse(this.lease.body).expiresAt - this.clock.now();
    this.timer = setTimeout(
      () => {
        this.save(this.snapshot).catch((error: unknown) => {
          this.lost(asBulkheadError(error));
        });
      },
      Math.max(left / 2, 100),
    );
  }

  private async ask<T>(ask: () => Promise<T>): Promise<T> {
    return patiently(this.clock, this.signal, ask, () => false);
  }

  private async alone<T>(action: () => Promise<T>): Promise<T> {
    const result = this.queue.then(action);
    this.queue = result.catch(() => undefined);
    return result;
  }
}
