import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { BulkheadError } from "@bulkhead/core";
import { type BoxMessage, HEAD_BYTES, MAX_RAW_BYTES, type Mailbox } from "./box.ts";

interface Found {
  readonly index: number;
  readonly raw: Buffer;
  readonly bytes: number;
}

/** An mbox file, read only: a message's id is its number in the file and a digest of its bytes. */
export function mbox(path: string): Mailbox {
  const readOnly = (): Promise<never> => Promise.reject(new BulkheadError("adapter.failed", "(an mbox is read only)"));
  return {
    list: async (folder, limit) => {
      if (folder !== "INBOX") return [];
      const newest: BoxMessage[] = [];
      for await (const found of messages(path)) {
        newest.unshift(shown(found, HEAD_BYTES));
        newest.length = Math.min(newest.length, limit);
      }
      return newest;
    },
    read: async (id, maxBytes) => {
      for await (const found of messages(path)) {
        const message = shown(found, maxBytes);
        if (message.id === id) return { ...message, raw: message.head };
      }
      throw new BulkheadError("adapter.failed", "(no such message)");
    },
    label: readOnly,
    move: readOnly,
    append: readOnly,
    find: () => Promise.resolve(undefined),
    remove: readOnly,
  };
}

function shown({ index, raw, bytes }: Found, maxBytes: number): BoxMessage {
  const id = `m-${index}-${createHash("sha256").update(raw).digest("hex").slice(0, 16)}`;
  return { id, folder: "INBOX", labels: [], bytes, head: raw.subarray(0, maxBytes) };
}

/** Splits at `From ` lines after an empty line; holds one message at a time, bounded. */
async function* messages(path: string): AsyncGenerator<Found> {
  let [index, lines, kept, bytes, blank] = [0, [] as Buffer[], 0, 0, true];
  for await (const line of linesOf(path)) {
    if (blank && line.subarray(0, 5).toString("latin1") === "From ") {
      if (bytes > 0) yield { index: index++, raw: Buffer.concat(lines), bytes };
      [lines, kept, bytes] = [[], 0, 0];
    } else {
      bytes += line.length;
      if (kept + line.length <= MAX_RAW_BYTES) {
        lines.push(unquoted(line));
        kept += line.length;
      }
    }
    blank = line.length <= 2 && line.toString("latin1").trim() === "";
  }
  if (bytes > 0) yield { index, raw: Buffer.concat(lines), bytes };
}

function unquoted(line: Buffer): Buffer {
  return line[0] === 0x3e && /^>+From /.test(line.subarray(0, 64).toString("latin1")) ? line.subarray(1) : line;
}

async function* linesOf(path: string): AsyncGenerator<Buffer> {
  let rest: Buffer[] = [];
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    let start = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
      rest.push(chunk.subarray(start, end + 1));
      yield rest.length === 1 ? (rest[0] as Buffer) : Buffer.concat(rest);
      [rest, start] = [[], end + 1];
    }
    if (start < chunk.length) rest.push(chunk.subarray(start));
  }
  if (rest.length > 0) yield Buffer.concat(rest);
}
