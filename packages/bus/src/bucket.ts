import { setTimeout as sleep } from "node:timers/promises";
import { BulkheadError, isBulkheadError, parseJson } from "@bulkhead/core";
import { headers } from "@nats-io/transport-node";
import { z } from "zod";
import type { Link } from "./link.ts";
import type { Bucket, BucketEntry } from "./port.ts";
import { append } from "./publish.ts";
import { rawRequest } from "./request.ts";

const FIRST_ATTEMPTS = 10;
const READ_TIMEOUT_MS = 1_000;
const READ_PAUSE_MS = 200;
const NO_MESSAGE = 10_037;
const encoder = new TextEncoder();

const storedMessage = z.object({
  message: z.object({ subject: z.string(), seq: z.int(), data: z.base64().optional() }).optional(),
  error: z.object({ err_code: z.int().optional(), description: z.string().optional() }).optional(),
});

/** A bucket over plain requests: no consumer, so no right to create one. See the port. */
export function openBucket(link: Link, name: string): Bucket {
  const prefix = `$KV.${name}.`;
  const read = async (query: object): Promise<BucketEntry | undefined> => readMessage(link, name, query);
  const list = async (filter = ">"): Promise<readonly BucketEntry[]> => {
    const entries: BucketEntry[] = [];
    for (let seq = 1; ; seq = (entries.at(-1)?.revision ?? 0) + 1) {
      const entry = await read({ seq, next_by_subj: prefix + filter });
      if (entry === undefined) return entries;
      entries.push(entry);
    }
  };
  return {
    get: async (key) => read({ last_by_subj: prefix + key }),
    list,
    put: async (key, data, expectedRevision) => put(link, name, { key, data, expectedRevision }),
    watch: async (filter, onEntry, options = {}) => {
      if (options.initial === false) {
        subscribe(link, prefix, filter, onEntry);
        await link.nc.flush();
        return;
      }
      const seen = inOrder(onEntry);
      const refresh = refresher(link, list, seen);
      subscribe(link, prefix, filter, ({ key }) => {
        refresh(key);
      });
      link.onReconnect.add(() => {
        refresh(filter);
      });
      for (const entry of await firstList(() => list(filter))) seen(entry);
    },
  };
}

/** The first look has no earlier one to fall back on, so a busy server is asked a few times before the start fails. */
async function firstList(list: () => Promise<readonly BucketEntry[]>): Promise<readonly BucketEntry[]> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await list();
    } catch (error) {
      if (!isBulkheadError(error) || error.disposition !== "retry" || attempt === FIRST_ATTEMPTS) throw error;
      await sleep(READ_PAUSE_MS);
    }
  }
}

/**
 * Reads again what a filter names. A value seen on the wire may have been refused by the stream: what counts is what the stream
 * holds. It is asked until it answers, since nothing else would tell of the change; what changes meanwhile is read once more.
 */
function refresher(
  link: Link,
  list: (filter: string) => Promise<readonly BucketEntry[]>,
  seen: (entry: BucketEntry) => void,
): (filter: string) => void {
  const [wanted, reading] = [new Set<string>(), new Set<string>()];
  const read = async (filter: string): Promise<void> => {
    while (wanted.delete(filter)) {
      try {
        for (const entry of await list(filter)) seen(entry);
      } catch (error) {
        if (link.closing.aborted) break;
        link.report({ kind: "error", error });
        wanted.add(filter);
        await sleep(READ_PAUSE_MS);
      }
    }
    reading.delete(filter);
  };
  return (filter) => {
    wanted.add(filter);
    if (reading.has(filter)) return;
    reading.add(filter);
    void read(filter);
  };
}

/** Passes on what is newer than anything passed on before. */
function inOrder(onEntry: (entry: BucketEntry) => void): (entry: BucketEntry) => void {
  const revisions = new Map<string, number>();
  return (entry) => {
    if (entry.revision <= (revisions.get(entry.key) ?? 0)) return;
    revisions.set(entry.key, entry.revision);
    onEntry(entry);
  };
}

function subscribe(link: Link, prefix: string, filter: string, onEntry: (entry: BucketEntry) => void): void {
  const subscription = link.nc.subscribe(prefix + filter, {
    callback: (error, msg) => {
      if (error) link.report({ kind: "error", subject: prefix + filter, error });
      else onEntry({ key: msg.subject.slice(prefix.length), data: msg.data, revision: 0 });
    },
  });
  link.subscriptions.push(subscription);
}

async function readMessage(link: Link, name: string, query: object): Promise<BucketEntry | undefined> {
  const subject = `$JS.API.STREAM.MSG.GET.KV_${name}`;
  const answer = await rawRequest(link, subject, encoder.encode(JSON.stringify(query)), { timeoutMs: READ_TIMEOUT_MS });
  const { message, error } = storedMessage.parse(parseJson(answer.data));
  if (error?.err_code === NO_MESSAGE) return undefined;
  if (message === undefined) throw new BulkheadError("bus.stream", `(${error?.description ?? "no answer"})`);
  const key = message.subject.slice(`$KV.${name}.`.length);
  return { key, data: Buffer.from(message.data ?? "", "base64"), revision: message.seq };
}

interface Put {
  readonly key: string;
  readonly data: Uint8Array;
  readonly expectedRevision: number | undefined;
}

async function put(link: Link, name: string, { key, data, expectedRevision }: Put): Promise<number> {
  const expectation = headers();
  if (expectedRevision !== undefined) expectation.set("Nats-Expected-Last-Subject-Sequence", String(expectedRevision));
  const subject = `$KV.${name}.${key}`;
  if (!/^[a-z0-9][a-z0-9-]{0,62}(\.[AB])?$/.test(key)) throw new BulkheadError("token.invalid");
  return (await append(link, { stream: `KV_${name}`, subject, data, headers: expectation })).seq;
}
