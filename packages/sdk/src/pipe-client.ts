/**
 * Owns: the worker's end of the pipe: numbering of requests, matching of answers, the end when the host is gone.
 * Does not own: what is asked (session.ts).
 * Invariants: S8. Nothing but lines of the pipe's contract goes to standard output; when the pipe closes, the process ends.
 */
import { HostLine, type PipeStart, type PipeValue, type WorkerLine, type WorkerRequest } from "@bulkhead/schemas";
import { PipeError } from "./pipe-error.ts";

/** A request before it is numbered. */
export type Unnumbered<R = WorkerRequest> = R extends WorkerRequest ? Omit<R, "id"> : never;
/** The value that answers a kind of request. */
export type ValueOf<K extends PipeValue["kind"]> = Extract<PipeValue, { kind: K }>;

interface Waiter {
  resolve(value: PipeValue): void;
  reject(error: PipeError): void;
}

/** How a pipe is attached: bytes in, lines out. */
export interface PipePort {
  readonly input: AsyncIterable<Buffer | string>;
  write(line: string): void;
  /** Called once when the host is gone. */
  closed(): void;
}

/** The worker's end of the pipe. */
export class PipeClient {
  /** The task, once it has come, with the pieces that its snapshot names. */
  readonly started: Promise<{ start: PipeStart; contents: Map<string, string> }>;
  /** Aborts when the host cancels. */
  readonly signal: AbortSignal;
  private readonly port: PipePort;
  private readonly waiters = new Map<number, Waiter>();
  private readonly contents = new Map<string, string>();
  private readonly cancel = new AbortController();
  private readonly onStart: (start: PipeStart) => void;
  private nextId = 1;

  constructor(port: PipePort) {
    this.port = port;
    this.signal = this.cancel.signal;
    const { promise, resolve } = Promise.withResolvers<PipeStart>();
    this.onStart = resolve;
    this.started = promise.then((start) => ({ start, contents: this.contents }));
    void this.read();
    this.send({ kind: "ready" });
  }

  /** Requests that are not answered yet. */
  get open(): number {
    return this.waiters.size;
  }

  /** Asks the host. @throws PipeError with the code of a refusal or failure */
  async ask<K extends WorkerRequest["kind"]>(request: Unnumbered & { kind: K }): Promise<ValueOf<K>> {
    const id = this.nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<PipeValue>();
    this.waiters.set(id, { resolve, reject });
    this.send({ ...request, id });
    const value = await promise;
    if (value.kind !== request.kind) throw new PipeError("worker.protocol");
    return value as ValueOf<K>;
  }

  /** Writes one line. */
  send(line: WorkerLine): void {
    this.port.write(`${JSON.stringify(line)}\n`);
  }

  private async read(): Promise<void> {
    let rest = "";
    const decoder = new TextDecoder();
    for await (const chunk of this.port.input) {
      const lines = (rest + (typeof chunk === "string" ? chunk : decoder.decode(chunk, { stream: true }))).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) this.receive(HostLine.parse(JSON.parse(line)));
    }
    this.port.closed();
  }

  private receive(line: HostLine): void {
    if (line.kind === "content") this.contents.set(line.ref, line.text);
    else if (line.kind === "start") this.onStart(line);
    else if (line.kind === "cancel") this.cancel.abort(new PipeError(line.code));
    else this.answer(line);
  }

  private answer(line: Extract<HostLine, { id: number }>): void {
    const waiter = this.waiters.get(line.id);
    this.waiters.delete(line.id);
    if (line.kind === "value") waiter?.resolve(line.value);
    else waiter?.reject(new PipeError(line.error.code, line.error.message));
  }
}
