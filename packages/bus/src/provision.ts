import { BulkheadError } from "@bulkhead/core";
import type { Policy } from "@bulkhead/schemas";
import type { NatsConnection } from "@nats-io/transport-node";
import { z } from "zod";
import { type DialOptions, dial } from "./dial.ts";
import { busError } from "./failures.ts";
import type { Participants } from "./participants.ts";
import { type ConsumerSettings, type StreamPlan, type StreamSettings, streamPlans } from "./streams.ts";

const TIMEOUT_MS = 5_000;
const MISSING = [10_014, 10_059];
/** Settings that this design never uses, and that would copy, drop or hold back messages. */
const FOREIGN = [
  ...["republish", "mirror", "sources", "subject_transform", "allow_msg_ttl", "allow_atomic", "allow_batched"],
  ...[
    "allow_msg_counter",
    "filter_subject",
    "filter_subjects",
    "headers_only",
    "pause_until",
    "inactive_threshold",
    "backoff",
  ],
];
const encoder = new TextEncoder();

const apiReply = z.object({
  config: z.record(z.string(), z.unknown()).optional(),
  consumers: z.array(z.string()).nullish(),
  error: z.object({ err_code: z.int().optional(), description: z.string().optional() }).optional(),
});

/** The provisioner's connection, and what to provision for. */
export interface ProvisionOptions extends DialOptions {
  readonly policy: Participants & Pick<Policy, "retention">;
}

/**
 * Creates what the contracts need: streams, buckets and durable consumers, with the settings of design §7. Can be run again at any time:
 * what is there already must be exactly as it would be created, but for the retention time, which follows the policy.
 *
 * @throws BulkheadError `bus.stream` on drift, naming the stream and the setting (AUD-13)
 */
export async function provisionBus(options: ProvisionOptions): Promise<void> {
  const nc = await dial(options);
  try {
    for (const plan of streamPlans(options.policy, options.policy.retention.streamMs)) await provision(nc, plan);
  } finally {
    await nc.close();
  }
}

async function provision(nc: NatsConnection, { stream, consumers }: StreamPlan): Promise<void> {
  const { name } = stream;
  const found = await call(nc, `STREAM.INFO.${name}`, {});
  if (found === undefined) await call(nc, `STREAM.CREATE.${name}`, stream);
  else await adopt(nc, stream, found.config ?? {});
  for (const consumer of consumers) await provisionConsumer(nc, name, consumer);
  await refuseStrangers(nc, name, consumers);
}

async function adopt(nc: NatsConnection, stream: StreamSettings, found: Record<string, unknown>): Promise<void> {
  assertSame(stream.name, { ...stream, max_age: found["max_age"] }, found);
  if (found["max_age"] !== stream.max_age)
    await call(nc, `STREAM.UPDATE.${stream.name}`, { ...found, max_age: stream.max_age });
}

async function provisionConsumer(nc: NatsConnection, stream: string, consumer: ConsumerSettings): Promise<void> {
  const durable = consumer.durable_name;
  const found = await call(nc, `CONSUMER.INFO.${stream}.${durable}`, {});
  if (found !== undefined) assertSame(`${stream}.${durable}`, consumer, found.config ?? {});
  else await call(nc, `CONSUMER.DURABLE.CREATE.${stream}.${durable}`, { stream_name: stream, config: consumer });
}

async function refuseStrangers(
  nc: NatsConnection,
  stream: string,
  consumers: readonly ConsumerSettings[],
): Promise<void> {
  const names = (await call(nc, `CONSUMER.NAMES.${stream}`, {}))?.consumers ?? [];
  const stranger = names.find((name) => consumers.every((consumer) => consumer.durable_name !== name));
  if (stranger !== undefined) throw new BulkheadError("bus.stream", `(${stream} has an unknown consumer ${stranger})`);
}

function assertSame(what: string, expected: Record<string, unknown>, found: Record<string, unknown>): void {
  const absent = Object.fromEntries(FOREIGN.map((key) => [key, undefined]));
  for (const [key, value] of Object.entries({ ...absent, ...expected })) {
    if (same(found[key], value)) continue;
    throw new BulkheadError(
      "bus.stream",
      `(${what}: ${key} is ${JSON.stringify(found[key])}, not ${JSON.stringify(value)})`,
    );
  }
}

/** The server leaves out settings that are false, zero or empty. */
function same(found: unknown, expected: unknown): boolean {
  const plain = (value: unknown): unknown => (value === undefined || value === false || value === 0 ? null : value);
  return JSON.stringify(plain(found)) === JSON.stringify(plain(expected));
}

async function call(nc: NatsConnection, verb: string, body: object): Promise<z.infer<typeof apiReply> | undefined> {
  try {
    const data = encoder.encode(JSON.stringify(body));
    const answer = await nc.request(`$JS.API.${verb}`, data, { timeout: TIMEOUT_MS });
    const reply = apiReply.parse(JSON.parse(answer.string()));
    if (reply.error === undefined) return reply;
    if (MISSING.includes(reply.error.err_code ?? 0)) return undefined;
    throw new BulkheadError("bus.stream", `(${verb}: ${reply.error.description ?? ""})`);
  } catch (error) {
    throw busError(error);
  }
}
