import { asBulkheadError, isBulkheadError } from "@bulkhead/core";
import { CONTRACTS } from "@bulkhead/schemas";
import type { Msg } from "@nats-io/transport-node";
import { createGate } from "./gate.ts";
import type { Link } from "./link.ts";
import { parseSubject } from "./participants.ts";
import type { ConsumeOptions, StreamContract, StreamMessage } from "./port.ts";
import { unseal } from "./seal.ts";
import { ACK_WAIT_MS, deliverSubject, streamOf } from "./streams.ts";

const NANOS_PER_MS = 1_000_000;
const RENEW_MS = ACK_WAIT_MS / 3;
const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 5_000;
const MAX_DELIVERIES = 5;
const UNLIMITED = Number.POSITIVE_INFINITY;

/** Consumes this identity's durable. See the port. */
export function consume<N extends StreamContract>(
  link: Link,
  name: N,
  handler: (message: StreamMessage<N>) => Promise<void>,
  options: ConsumeOptions<N> = {},
): void {
  const stream = streamOf(CONTRACTS[name].stream, link.identity);
  const gate = createGate(options.concurrency ?? 64, UNLIMITED);
  link.gates.push(gate);
  const inHand = renewed(link);
  const onMessage = (msg: Msg): void => {
    const message = read(link, name, msg);
    if (message === undefined) return;
    inHand.add(msg);
    gate.admit(async () => {
      const verdict = link.closing.aborted ? nak(0) : await settle(link, message, handler, options);
      inHand.delete(msg);
      acknowledge(link, msg, verdict);
    });
  };
  const subject = deliverSubject(stream, link.identity);
  const subscription = link.nc.subscribe(subject, {
    queue: link.identity,
    callback: (error, msg) => {
      if (error) link.report({ kind: "error", subject, error });
      else onMessage(msg);
    },
  });
  link.subscriptions.push(subscription);
}

async function settle<N extends StreamContract>(
  link: Link,
  message: StreamMessage<N>,
  handler: (message: StreamMessage<N>) => Promise<void>,
  options: ConsumeOptions<N>,
): Promise<string> {
  try {
    await handler(message);
    return "+ACK";
  } catch (error) {
    if (!isFinal(error, message.deliveries, options.maxDeliveries ?? MAX_DELIVERIES)) return nak(message.deliveries);
    return await bury(link, message, error, options);
  }
}

/** A refusal is final at once, an unexpected failure after some deliveries; what says `retry` is tried for ever. */
function isFinal(error: unknown, deliveries: number, maxDeliveries: number): boolean {
  if (!isBulkheadError(error)) return deliveries >= maxDeliveries;
  return error.disposition !== "retry";
}

async function bury<N extends StreamContract>(
  link: Link,
  message: StreamMessage<N>,
  error: unknown,
  options: ConsumeOptions<N>,
): Promise<string> {
  link.report({ kind: "dropped", subject: message.subject, error });
  try {
    await options.deadLetter?.(message, error);
    return `+TERM ${asBulkheadError(error).code}`;
  } catch (failure) {
    link.report({ kind: "error", subject: message.subject, error: failure });
    return nak(message.deliveries);
  }
}

function nak(deliveries: number): string {
  const delayMs = Math.min(FIRST_DELAY_MS * 2 ** Math.min(deliveries, 10), MAX_DELAY_MS);
  return `-NAK ${JSON.stringify({ delay: delayMs * NANOS_PER_MS })}`;
}

function acknowledge(link: Link, msg: Msg, verdict: string): void {
  if (!link.nc.isClosed() && msg.reply !== undefined) link.nc.publish(msg.reply, verdict);
}

/** Messages whose acknowledgement time is renewed while they are worked on. */
function renewed(link: Link): Set<Msg> {
  const inHand = new Set<Msg>();
  const timer = setInterval(() => {
    for (const msg of inHand) acknowledge(link, msg, "+WPI");
  }, RENEW_MS).unref();
  link.closing.addEventListener("abort", () => {
    clearInterval(timer);
  });
  return inHand;
}

/** Only what the server itself delivered has an acknowledgement subject of this stream and consumer. */
function read<N extends StreamContract>(link: Link, name: N, msg: Msg): StreamMessage<N> | undefined {
  const stream = streamOf(CONTRACTS[name].stream, link.identity);
  const tokens = msg.reply?.split(".") ?? [];
  const [, , , , deliveries, seq, , nanos] = tokens.length > 9 ? ["", "", ...tokens.slice(4)] : tokens;
  if (msg.reply?.startsWith(`$JS.ACK.`) !== true || !tokens.includes(stream) || nanos === undefined) return undefined;
  return {
    subject: msg.subject,
    values: parseSubject(CONTRACTS[name].subject, msg.subject) ?? {},
    data: msg.data,
    seq: Number(seq),
    at: Math.floor(Number(nanos) / NANOS_PER_MS),
    deliveries: Number(deliveries),
    signal: link.closing,
    open: () => unseal(link, name, msg.subject, msg.data, UNLIMITED),
  };
}
