import { BulkheadError } from "@bulkhead/core";
import { MAX_CONTENT_BYTES, type NextReply, type PipeStart, type Snapshot } from "@bulkhead/schemas";
import type { HostPort } from "../ports.ts";
import { Contents, refsOf } from "./contents.ts";
import { LeaseKeeper } from "./lease-keeper.ts";
import { patiently } from "./patience.ts";

export type Work = NonNullable<NextReply["work"]>;

/** Why a run is over: `worker` alone is tried again; the others end the task, or leave it to whoever holds it now. */
export type RunEnd =
  | { readonly kind: "finished" | "parked" }
  | { readonly kind: "stopped"; readonly why: BulkheadError };

/** What the host knows of the one task that a worker has: everything that the worker does not name itself. */
export class TaskRun implements Disposable {
  readonly work: Work;
  readonly host: HostPort;
  readonly contents = new Contents();
  readonly keeper: LeaseKeeper;
  readonly ended: Promise<RunEnd>;
  /** Steps whose answers were delivered but not saved yet: no call is made from them. */
  readonly unsaved = new Set<number>();
  readonly used: Snapshot["used"];
  private readonly stopping = new AbortController();
  private readonly timer: NodeJS.Timeout;
  private readonly resolveEnd: (end: RunEnd) => void;

  constructor(work: Work, host: HostPort) {
    const { promise, resolve } = Promise.withResolvers<RunEnd>();
    this.ended = promise;
    this.resolveEnd = resolve;
    this.work = work;
    this.host = host;
    this.used = { ...(work.snapshot?.used ?? { inputTokens: 0, outputTokens: 0, calls: 0 }) };
    const lost = (why: BulkheadError) => {
      this.stop(why);
    };
    this.keeper = new LeaseKeeper(work, { bus: host.bus, clock: host.clock, signal: this.signal, lost });
    this.timer = setTimeout(
      () => {
        this.stop(new BulkheadError("limits.time"));
      },
      timeLeft(work, host.clock.now()),
    );
  }

  /** Aborts when the run is over. */
  get signal(): AbortSignal {
    return this.stopping.signal;
  }

  get task(): string {
    return this.work.task.id;
  }

  stop(why: BulkheadError): void {
    this.end({ kind: "stopped", why });
  }

  end(end: RunEnd): void {
    this.resolveEnd(end);
    this.stopping.abort(end.kind === "stopped" ? end.why : new BulkheadError("task.cancelled"));
  }

  /** Before another worker starts from the last save. */
  startOver(): void {
    this.unsaved.clear();
    Object.assign(this.used, this.keeper.snapshot.used);
  }

  /** Fetches the task's texts and what its snapshot names. @throws BulkheadError `content.missing|…` */
  async open(): Promise<PipeStart> {
    const { task, limits } = this.work;
    const { name, purpose } = this.host.agent;
    await Promise.all(refsOf(this.keeper.snapshot).map(async (ref) => this.fetch(ref)));
    const [text, ...attached] = await Promise.all(
      [task.text, ...task.attachments.map(({ ref }) => ref)].map(async (ref) => this.fetch(ref)),
    );
    const attachments = task.attachments.map((piece, at) => ({ name: piece.name, text: attached[at] ?? "" }));
    const { title, trusted } = task;
    return {
      kind: "start",
      task: { title, text: text ?? "", trusted, attachments },
      agent: { name, purpose },
      tools: [...this.host.tools],
      limits,
      snapshot: this.keeper.snapshot,
    };
  }

  [Symbol.dispose](): void {
    clearTimeout(this.timer);
    this.keeper[Symbol.dispose]();
  }

  private async fetch(ref: string): Promise<string> {
    const { bus, clock } = this.host;
    if (this.contents.has(ref)) return this.contents.text(ref);
    const reply = await patiently(
      clock,
      this.signal,
      () => bus.request("content", { kind: "get", ref, lease: this.keeper.lease }),
      () => false,
    );
    if (reply.kind !== "get" || reply.text.length > MAX_CONTENT_BYTES) throw new BulkheadError("content.missing");
    this.contents.add(ref, reply.text);
    return reply.text;
  }
}

/** By this host's clock, but never more than the limit: another machine's clock may differ. */
function timeLeft({ startedAt, limits }: Work, now: number): number {
  return Math.min(limits.wallMs, Math.max(0, startedAt + limits.wallMs - now));
}
