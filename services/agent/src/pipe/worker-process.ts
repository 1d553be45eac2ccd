/**
 * Owns: one worker process and its pipe: strict lines in, bounded lines out, and its death.
 * Does not own: what a line means (handlers/), the sandbox (sandbox/).
 * Invariants: S8. What leaves the worker is a `WorkerLine` or its end: a line that is too long, too many, no strict JSON or
 * outside of the contract kills the process; nothing of stderr is believed.
 */
import { asBulkheadError, BulkheadError, type Clock, parseJson } from "@bulkhead/core";
import { type HostLine, PIPE_LINE_BYTES, PIPE_LINES_PER_SECOND, PIPE_OUTSTANDING, WorkerLine } from "@bulkhead/schemas";
import type { SandboxedProcess } from "../sandbox/launch.ts";
import { LineCutter, RateLimit } from "./lines.ts";

const UNREAD_BYTES = 64 * 1024 * 1024;
const JSON_BOUNDS = { maxBytes: PIPE_LINE_BYTES, maxDepth: 32, maxKeys: 100_000 };
const STDERR_BYTES = 8 * 1024;

export class WorkerProcess implements AsyncDisposable {
  /** Resolves when the process is gone: with why it was killed, or undefined when it ended by itself. */
  readonly ended: Promise<BulkheadError | undefined>;
  /** The start of what it wrote to stderr, for a debug log of the host. */
  stderr = "";
  private readonly process: SandboxedProcess;
  private readonly cutter = new LineCutter(PIPE_LINE_BYTES);
  private readonly rate: RateLimit;
  private readonly open = new Set<number>();
  private readonly held: WorkerLine[] = [];
  private reader: ((line: WorkerLine) => void) | undefined;
  private why: BulkheadError | undefined;
  private lastId = 0;

  constructor(process: SandboxedProcess, clock: Clock) {
    this.process = process;
    this.rate = new RateLimit(PIPE_LINES_PER_SECOND, () => clock.now());
    this.ended = process.exited.then(() => this.why);
    process.stdout.on("data", (chunk: Buffer) => {
      this.receive(chunk);
    });
    process.stderr.on("data", (chunk: Buffer) => {
      if (this.stderr.length < STDERR_BYTES) this.stderr += chunk.toString("latin1").slice(0, STDERR_BYTES);
    });
  }

  /** Hands lines to `reader` from now on, those that came before first. */
  read(reader: (line: WorkerLine) => void): void {
    this.reader = reader;
    for (const line of this.held.splice(0)) reader(line);
  }

  send(line: HostLine): void {
    if ("id" in line) this.open.delete(line.id);
    if (this.process.stdin.writableLength > UNREAD_BYTES)
      this.kill(new BulkheadError("worker.flood", "It does not read."));
    if (this.process.stdin.writable) this.process.stdin.write(`${JSON.stringify(line)}\n`);
  }

  kill(why: BulkheadError): void {
    this.why ??= why;
    this.process.kill();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process[Symbol.asyncDispose]();
  }

  private receive(chunk: Buffer): void {
    if (this.why !== undefined) return;
    try {
      for (const bytes of this.cutter.push(chunk)) this.accept(bytes);
    } catch (error) {
      this.kill(asBulkheadError(error, "worker.protocol"));
    }
  }

  private accept(bytes: Buffer): void {
    this.rate.spend();
    const line = parseLine(bytes);
    if ("id" in line) this.admit(line.id);
    if (this.reader !== undefined) this.reader(line);
    else if (this.held.push(line) > PIPE_OUTSTANDING) throw new BulkheadError("worker.flood", "Lines before its task.");
  }

  private admit(id: number): void {
    if (id <= this.lastId) throw new BulkheadError("worker.protocol", "A request's number is used twice.");
    if (this.open.size >= PIPE_OUTSTANDING) throw new BulkheadError("worker.flood", "Too many open requests.");
    this.lastId = id;
    this.open.add(id);
  }
}

function parseLine(bytes: Buffer): WorkerLine {
  try {
    return WorkerLine.parse(parseJson(bytes, JSON_BOUNDS));
  } catch (cause) {
    throw new BulkheadError("worker.protocol", undefined, { cause });
  }
}
