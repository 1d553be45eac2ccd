import type { Role, StreamName } from "@bulkhead/schemas";
import { roleOf } from "@bulkhead/schemas";
import { contractRows, identitiesOf, type Participants } from "./participants.ts";

const NANOS_PER_MS = 1_000_000;
const DAY_MS = 86_400_000;
const TIMER_AGE_MS = 400 * DAY_MS;
const MIB = 1_048_576;
/**
 * What others than the services can fill is bounded, and refused beyond that, so that a flood of it takes no room from AUDIT, without
 * which nothing happens. AUDIT itself grows up to the server's own limit of storage: each byte of a stream's bound is reserved there at once.
 */
const MAX_BYTES = { INTAKE: 256 * MIB, DECISIONS: 64 * MIB, DEAD: 256 * MIB } as const satisfies Partial<
  Record<StreamName, number>
>;
/** How long a message may be in hand before another replica gets it. Consumers renew it while they work. */
export const ACK_WAIT_MS = 5_000;

/** The settings of a stream that matter, in the server's own words. Whatever differs on the server is drift. */
export type StreamSettings = Readonly<Record<string, unknown>> & { readonly name: string; readonly max_age: number };
/** The settings of a durable push consumer, in the server's own words. */
export type ConsumerSettings = Readonly<Record<string, unknown>> & { readonly durable_name: string };

/** A stream and its durable consumers. */
export interface StreamPlan {
  readonly stream: StreamSettings;
  readonly consumers: readonly ConsumerSettings[];
}

/** Nothing can be deleted, purged, rolled up, dropped for age of others, re-published, or read from a stale replica (design §7). */
const safe = {
  storage: "file",
  discard: "new",
  deny_delete: true,
  deny_purge: true,
  allow_rollup_hdrs: false,
  allow_direct: false,
  mirror_direct: false,
  max_msgs: -1,
  max_bytes: -1,
  max_consumers: -1,
  num_replicas: 1,
  sealed: false,
  /** The shortest window: nobody here sends ids, and nobody's chosen id may swallow another's message for long. */
  duplicate_window: 100 * NANOS_PER_MS,
};

/**
 * The server demands these of a stream with schedules. A rollup reaches the owner's own timers only, since each owner has a stream of its
 * own; without a limit on size or number nothing is discarded either way.
 */
const scheduling = { allow_msg_schedules: true, discard: "old", deny_purge: false, allow_rollup_hdrs: true };

/** The stream of a contract for one of its consumers: timers have a stream per owner, so that no target can lie with another. */
export function streamOf(name: StreamName, consumer: string): string {
  return name === "TIMERS" ? `TIMERS_${consumer}` : name;
}

/** Where the server delivers a consumer's messages: fixed here, so that nobody needs the right to name another place. */
export function deliverSubject(stream: string, consumer: string): string {
  return `bh.deliver.${consumer}.${stream.toLowerCase().replaceAll("_", "-")}`;
}

/** Where a consumer acknowledges. */
export function ackSubject(stream: string, consumer: string): string {
  return `$JS.ACK.${stream}.${consumer}.>`;
}

/** All streams and consumers that these participants need. `retentionMs` bounds messages that hold or may hold client text. */
export function streamPlans(participants: Participants, retentionMs: number): readonly StreamPlan[] {
  const log = (name: StreamName, subjects: string, maxAgeMs: number, retention = "limits"): StreamPlan => {
    const bytes = name in MAX_BYTES ? { max_bytes: MAX_BYTES[name as keyof typeof MAX_BYTES] } : {};
    const settings = { subjects: [subjects], retention, max_age: maxAgeMs * NANOS_PER_MS, ...bytes };
    return plan(name, settings, consumersOf(name, participants));
  };
  return [
    log("INTAKE", "bh.task.submit.*", retentionMs, "workqueue"),
    log("DECISIONS", "bh.decision.*", Math.max(retentionMs, 30 * DAY_MS)),
    log("AUDIT", "bh.audit.*", Math.max(retentionMs, 30 * DAY_MS)),
    log("DEAD", "bh.dead.*", retentionMs),
    ...consumersOf("TIMERS", participants).map((owner) => timers(owner)),
    bucket("control"),
    bucket("labels"),
  ];
}

function consumersOf(stream: StreamName, participants: Participants): string[] {
  const roles = contractRows.flatMap(([, contract]): readonly Role[] =>
    contract.stream === stream ? contract.consumers : [],
  );
  return identitiesOf(roles, participants).filter((identity) => identity === roleOf(identity));
}

function timers(owner: string): StreamPlan {
  const subjects = [`bh.timer.${owner}`, `bh.timer.${owner}.*`];
  const settings = { subjects, retention: "limits", max_age: TIMER_AGE_MS * NANOS_PER_MS, ...scheduling };
  return plan(streamOf("TIMERS", owner), settings, [owner], `bh.timer.${owner}`);
}

function bucket(name: string): StreamPlan {
  const settings = { subjects: [`$KV.${name}.>`], retention: "limits", max_age: 0, max_msgs_per_subject: 1 };
  return plan(`KV_${name}`, settings, []);
}

function plan(
  name: string,
  settings: { readonly max_age: number } & Record<string, unknown>,
  consumers: readonly string[],
  filter?: string,
): StreamPlan {
  const stream = { max_msgs_per_subject: -1, ...safe, ...settings, name };
  return { stream, consumers: consumers.map((consumer) => durable(name, consumer, filter)) };
}

function durable(stream: string, consumer: string, filter?: string): ConsumerSettings {
  return {
    durable_name: consumer,
    deliver_subject: deliverSubject(stream, consumer),
    deliver_group: consumer,
    deliver_policy: "all",
    ack_policy: "explicit",
    ack_wait: ACK_WAIT_MS * NANOS_PER_MS,
    max_ack_pending: 512,
    max_deliver: -1,
    replay_policy: "instant",
    ...(filter && { filter_subject: filter }),
  };
}
