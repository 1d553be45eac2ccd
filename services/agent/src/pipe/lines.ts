import { BulkheadError } from "@bulkhead/core";

/** Cuts a byte stream into lines of at most `maxBytes`. Holds no more than one line. @throws BulkheadError `worker.flood` */
export class LineCutter {
  private parts: Buffer[] = [];
  private bytes = 0;
  private readonly maxBytes: number;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  *push(chunk: Buffer): Generator<Buffer> {
    let start = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
      this.hold(chunk.subarray(start, end));
      yield this.take();
      start = end + 1;
    }
    if (start < chunk.length) this.hold(chunk.subarray(start));
  }

  private hold(part: Buffer): void {
    this.bytes += part.length;
    if (this.bytes > this.maxBytes) throw new BulkheadError("worker.flood", "A line is too long.");
    this.parts.push(part);
  }

  private take(): Buffer {
    const line = this.parts.length === 1 ? (this.parts[0] ?? Buffer.alloc(0)) : Buffer.concat(this.parts);
    this.parts = [];
    this.bytes = 0;
    return line;
  }
}

/** Allows `perSecond` on average and ten seconds' worth at once. */
export class RateLimit {
  private readonly perSecond: number;
  private readonly nowMs: () => number;
  private tokens: number;
  private at: number;

  constructor(perSecond: number, nowMs: () => number) {
    this.perSecond = perSecond;
    this.nowMs = nowMs;
    this.tokens = perSecond * 10;
    this.at = nowMs();
  }

  /** @throws BulkheadError `worker.flood` */
  spend(): void {
    const now = this.nowMs();
    this.tokens = Math.min(this.perSecond * 10, this.tokens + ((now - this.at) / 1000) * this.perSecond);
    this.at = now;
    if (this.tokens < 1) throw new BulkheadError("worker.flood", "Too many lines.");
    this.tokens -= 1;
  }
}
