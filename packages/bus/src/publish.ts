import { BulkheadError, isBulkheadError, parseJson } from "@bulkhead/core";
import { type BodyOf, CONTRACTS } from "@bulkhead/schemas";
import { headers, type MsgHdrs } from "@nats-io/transport-node";
import { z } from "zod";
import type { Link } from "./link.ts";
import type { Published, PublishOptions, StreamContract } from "./port.ts";
import { rawRequest } from "./request.ts";
import { seal, subjectFor } from "./seal.ts";
import { streamOf } from "./streams.ts";

const PUBLISH_TIMEOUT_MS = 2_000;
const WRONG_LAST_SEQUENCE = [10_071, 10_164];
/** The stream, or the server's whole storage, takes no more. */
const FULL = [10_023, 10_047, 10_077];

const pubAck = z.object({
  stream: z.string().optional(),
  seq: z.int().optional(),
  duplicate: z.boolean().optional(),
  error: z.object({ err_code: z.int().optional(), description: z.string().optional() }).optional(),
});

/** Publishes into a contract's stream. See the port. */
export async function publish<N extends StreamContract>(
  link: Link,
  name: N,
  body: BodyOf<N>,
  options: PublishOptions = {},
): Promise<Published> {
  const subject = subjectFor(link, name, options.values);
  const stream = streamOf(CONTRACTS[name].stream, link.identity);
  const data = seal(link, name, body, { id: options.id });
  return await append(link, { stream, subject, data, headers: timerHeaders(link, options.dueAt), ...options });
}

function timerHeaders(link: Link, dueAt: number | undefined): MsgHdrs | undefined {
  if (dueAt === undefined) return undefined;
  const result = headers();
  result.set("Nats-Schedule", `@at ${new Date(dueAt).toISOString()}`);
  result.set("Nats-Schedule-Target", `bh.timer.${link.identity}`);
  return result;
}

/** Bytes for a stream. */
export interface Append {
  readonly stream: string;
  readonly subject: string;
  readonly data: Uint8Array;
  readonly headers?: MsgHdrs | undefined;
  readonly timeoutMs?: number;
}

/**
 * Appends bytes and waits for the acknowledgement of exactly this stream.
 *
 * @throws BulkheadError `bus.unavailable` (nobody acknowledged: it may or may not be stored), `bus.full` (it is not), `bus.duplicate`, `bus.conflict`, `bus.stream`
 */
export async function append(link: Link, message: Append): Promise<Published> {
  const ack = pubAck.safeParse(parseJson((await acknowledged(link, message)).data)).data;
  const errorCode = ack?.error?.err_code ?? 0;
  if (WRONG_LAST_SEQUENCE.includes(errorCode)) throw new BulkheadError("bus.conflict", `(${message.subject})`);
  if (FULL.includes(errorCode)) throw new BulkheadError("bus.full", `(${message.stream})`);
  if (ack?.error !== undefined) throw new BulkheadError("bus.stream", `(${ack.error.description ?? errorCode})`);
  if (ack?.seq === undefined || ack.stream !== message.stream)
    throw new BulkheadError("bus.stream", `(${message.stream})`);
  if (ack.duplicate === true) throw new BulkheadError("bus.duplicate", `(${message.subject})`);
  return { stream: ack.stream, seq: ack.seq };
}

async function acknowledged(link: Link, message: Append) {
  try {
    return await rawRequest(link, message.subject, message.data, {
      timeoutMs: message.timeoutMs ?? PUBLISH_TIMEOUT_MS,
      ...(message.headers && { headers: message.headers }),
    });
  } catch (error) {
    if (!isBulkheadError(error, "bus.timeout", "bus.no-responder")) throw error;
    throw new BulkheadError("bus.unavailable", `(no acknowledgement from ${message.stream})`, { cause: error });
  }
}
