import { setTimeout as sleep } from "node:timers/promises";
import { BulkheadError, fromWire, isBulkheadError, parseJson } from "@bulkhead/core";
import { type BodyOf, CONTRACTS, type ReplyOf, replyOf } from "@bulkhead/schemas";
import type { Msg, MsgHdrs } from "@nats-io/transport-node";
import { busError } from "./failures.ts";
import type { Link } from "./link.ts";
import type { RequestName, RequestOptions } from "./port.ts";
import { seal, subjectFor } from "./seal.ts";

/** No request waits longer (design §2): it is asked again with the same id. */
const MAX_WAIT_MS = 2_000;
const NO_RESPONDER_PAUSE_MS = 100;
const AGAIN = ["bus.timeout", "bus.no-responder", "bus.unavailable"] as const;

/** Asks and gives the checked reply. See the port. */
export async function request<N extends RequestName>(
  link: Link,
  name: N,
  body: BodyOf<N>,
  options: RequestOptions = {},
): Promise<ReplyOf<N>> {
  const subject = subjectFor(link, name, options.values);
  const data = seal(link, name, body, options);
  const answer = await attempts(link, subject, data, options);
  return readReply(name, answer.data);
}

async function attempts(link: Link, subject: string, data: Uint8Array, options: RequestOptions): Promise<Msg> {
  for (let left = options.attempts ?? 1; ; left--) {
    try {
      return await ask(link, subject, data, options);
    } catch (error) {
      if (left <= 1 || options.signal?.aborted || !isBulkheadError(error, ...AGAIN)) throw error;
    }
  }
}

/** One attempt: until `timeoutMs` is over, a service that is just restarting is asked again. */
async function ask(link: Link, subject: string, data: Uint8Array, options: RequestOptions): Promise<Msg> {
  const timeoutMs = Math.min(options.timeoutMs ?? MAX_WAIT_MS, MAX_WAIT_MS);
  const deadline = link.clock.monotonic() + timeoutMs;
  for (;;) {
    try {
      return await rawRequest(link, subject, data, {
        timeoutMs: deadline - link.clock.monotonic(),
        signal: options.signal,
      });
    } catch (error) {
      const over = link.clock.monotonic() + NO_RESPONDER_PAUSE_MS >= deadline;
      if (over || !isBulkheadError(error, "bus.no-responder")) throw error;
      await sleep(NO_RESPONDER_PAUSE_MS, undefined, options.signal && { signal: options.signal });
    }
  }
}

/** How to ask the server or a service with ready bytes. */
export interface RawRequestOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  readonly headers?: MsgHdrs;
}

/** One request with ready bytes. @throws BulkheadError `bus.*` */
export async function rawRequest(
  link: Link,
  subject: string,
  data: Uint8Array,
  options: RawRequestOptions,
): Promise<Msg> {
  options.signal?.throwIfAborted();
  if (data.byteLength > (link.nc.info?.max_payload ?? Infinity)) throw new BulkheadError("bus.oversize");
  const { headers } = options;
  const asked = link.mux.ask(subject, data, {
    timeoutMs: Math.max(1, options.timeoutMs),
    ...(headers && { headers }),
  });
  try {
    return await abortable(asked, options.signal);
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw busError(error);
  }
}

async function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => {
    reject(signal.reason);
  };
  signal.addEventListener("abort", onAbort, { once: true });
  return Promise.race([promise, aborted]).finally(() => {
    signal.removeEventListener("abort", onAbort);
  });
}

const schemas = new Map<RequestName, ReturnType<typeof replyOf>>();

function readReply<N extends RequestName>(name: N, data: Uint8Array): ReplyOf<N> {
  let schema = schemas.get(name);
  if (schema === undefined) schemas.set(name, (schema = replyOf(CONTRACTS[name].reply)));
  const parsed = schema.safeParse(parseJson(data));
  if (!parsed.success) throw new BulkheadError("schema.invalid", `(reply to ${name})`, { cause: parsed.error });
  if (!parsed.data.ok) throw fromWire(parsed.data.error);
  return parsed.data.value as ReplyOf<N>;
}
