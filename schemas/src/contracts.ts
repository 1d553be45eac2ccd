import { z } from "zod";
import { AuditEntry } from "./audit.ts";
import {
  CallReply,
  CallRequest,
  Decision,
  ExecReply,
  ExecRequest,
  OpenReply,
  OpenRequest,
  ReleaseReply,
  ReleaseRequest,
  ReviewReply,
  ReviewRequest,
  ValidateReply,
  ValidateRequest,
  WithdrawReply,
  WithdrawRequest,
} from "./call.ts";
import { ContentReply, ContentRequest } from "./content.ts";
import { ControlValue, ServiceBeat } from "./control.ts";
import { ModelReply, ModelRequest } from "./model.ts";
import type { Policy } from "./policy.ts";
import { Query, QueryReply } from "./query.ts";
import {
  FinishReply,
  FinishRequest,
  NextReply,
  NextRequest,
  Nudge,
  ParkReply,
  ParkRequest,
  SaveReply,
  SaveRequest,
  TaskCommand,
  TaskCommandReply,
  TaskSubmission,
  WakeReply,
  WakeRequest,
} from "./task.ts";

/**
 * Who takes part in a contract. `host`, `exec`, `operator` and `client` stand for every identity of that kind (`host-inbox`, …);
 * the other roles are identities themselves. Permissions of the bus are generated from these (`packages/bus`).
 */
export const ROLES = [
  "tasks",
  "gateway",
  "proposals",
  "watchdog",
  "models",
  "ledger",
  "memory",
  "host",
  "exec",
  "operator",
  "client",
] as const;
/** Who takes part in a contract. */
export type Role = (typeof ROLES)[number];

/** The streams of the bus. */
export type StreamName = "INTAKE" | "DECISIONS" | "AUDIT" | "TIMERS" | "DEAD";

/**
 * One message contract. In `subject`, `{agent}` is pinned to the publisher's own name when the publisher is a host, `{toolset}` to an executor's,
 * `{operator}` to an operator's, `{service}` to the publisher's identity; any other placeholder is enumerated from the policy, never a wildcard.
 * - `request`: request/reply; `consumers` serve it in a queue group of their identity and answer to `_INBOX.<publisher>.` only.
 * - `stream`: published with an awaited PubAck into `stream`; each consumer has a durable of its own name on it.
 * - `broadcast`: core publish; a hint or a beat.
 * - `kv`: `$KV.<bucket>.<key>`; written by `publishers`, read by `consumers`.
 */
export interface Contract {
  readonly subject: string;
  readonly kind: "request" | "stream" | "broadcast" | "kv";
  readonly publishers: readonly Role[];
  readonly consumers: readonly Role[];
  readonly stream?: StreamName;
  /** The body inside the signed envelope, whose type is `typeOf(name)`. */
  readonly body: z.ZodType;
  readonly reply?: z.ZodType;
  /** False: a bare JSON body is accepted too (a plain task), or nothing is signed (a nudge). */
  readonly signed: boolean;
}

const everyone: readonly Role[] = [
  "tasks",
  "gateway",
  "proposals",
  "watchdog",
  "models",
  "ledger",
  "memory",
  "host",
  "exec",
];
/** Operators read what they change, so that two of them do not overwrite each other. */
const controlReaders: readonly Role[] = [...everyone, "operator"];

/** A timer that its owner fires to itself later: ids only, and a hint (the stored due time decides). It waits under a subject of its own. */
export const Timer = z.strictObject({ id: z.string().max(140) });
/** A message that could not be processed: its bytes (base64) and why. It expires with its stream. */
export const DeadLetter = z.strictObject({
  code: z.string().max(64),
  subject: z.string().max(300),
  data: z.string(),
  task: z.string().max(64).optional(),
});
/** A dead letter. */
export type DeadLetter = z.infer<typeof DeadLetter>;

interface RequestContract<B extends z.ZodType, R extends z.ZodType> extends Contract {
  readonly kind: "request";
  readonly body: B;
  readonly reply: R;
}

const request = <B extends z.ZodType, R extends z.ZodType>(
  subject: string,
  publishers: readonly Role[],
  consumer: Role,
  body: B,
  reply: R,
): RequestContract<B, R> => ({
  subject,
  kind: "request",
  publishers,
  consumers: [consumer],
  body,
  reply,
  signed: true,
});

/** The one map of the bus: every subject, who may publish, who consumes, and the shapes. */
export const CONTRACTS = {
  submit: {
    subject: "bh.task.submit.{agent}",
    kind: "stream",
    stream: "INTAKE",
    publishers: ["operator", "client", "exec"],
    consumers: ["tasks"],
    body: TaskSubmission,
    signed: false,
  },
  next: request("bh.task.next.{agent}", ["host"], "tasks", NextRequest, NextReply),
  save: request("bh.task.save.{agent}", ["host"], "tasks", SaveRequest, SaveReply),
  park: request("bh.task.park.{agent}", ["host"], "tasks", ParkRequest, ParkReply),
  finish: request("bh.task.finish.{agent}", ["host"], "tasks", FinishRequest, FinishReply),
  wake: request("bh.task.wake", ["proposals"], "tasks", WakeRequest, WakeReply),
  command: request("bh.task.command.{operator}", ["operator"], "tasks", TaskCommand, TaskCommandReply),
  nudge: {
    subject: "bh.task.nudge.{agent}",
    kind: "broadcast",
    publishers: ["tasks"],
    consumers: ["tasks"],
    body: Nudge,
    signed: false,
  },
  call: request("bh.call.{agent}.{tool}", ["host"], "gateway", CallRequest, CallReply),
  model: request("bh.model.{agent}", ["host"], "models", ModelRequest, ModelReply),
  validate: request("bh.validate", ["gateway"], "watchdog", ValidateRequest, ValidateReply),
  review: request("bh.review", ["gateway"], "watchdog", ReviewRequest, ReviewReply),
  open: request("bh.proposal.open", ["gateway"], "proposals", OpenRequest, OpenReply),
  release: request("bh.proposal.release", ["proposals"], "gateway", ReleaseRequest, ReleaseReply),
  withdraw: request("bh.proposal.withdraw", ["tasks"], "proposals", WithdrawRequest, WithdrawReply),
  exec: request("bh.exec.{toolset}", ["gateway"], "exec", ExecRequest, ExecReply),
  content: request("bh.content.{service}", ["tasks", "host", "exec", "models"], "memory", ContentRequest, ContentReply),
  decision: {
    subject: "bh.decision.{operator}",
    kind: "stream",
    stream: "DECISIONS",
    publishers: ["operator"],
    consumers: ["proposals", "watchdog"],
    body: Decision,
    signed: true,
  },
  timer: {
    subject: "bh.timer.{service}.{timer}",
    kind: "stream",
    stream: "TIMERS",
    publishers: ["tasks", "proposals"],
    consumers: ["tasks", "proposals"],
    body: Timer,
    signed: false,
  },
  audit: {
    subject: "bh.audit.{service}",
    kind: "stream",
    stream: "AUDIT",
    publishers: everyone,
    consumers: ["ledger", "watchdog"],
    body: AuditEntry,
    signed: true,
  },
  dead: {
    subject: "bh.dead.{service}",
    kind: "stream",
    stream: "DEAD",
    publishers: ["tasks", "proposals", "watchdog", "ledger"],
    consumers: ["tasks"],
    body: DeadLetter,
    signed: true,
  },
  beat: {
    subject: "bh.beat.{service}",
    kind: "broadcast",
    publishers: everyone,
    consumers: ["watchdog", "operator"],
    body: ServiceBeat,
    signed: true,
  },
  queryWatchdog: request("bh.query.watchdog.{operator}", ["operator"], "watchdog", Query, QueryReply),
  queryTasks: request("bh.query.tasks.{operator}", ["operator"], "tasks", Query, QueryReply),
  queryProposals: request("bh.query.proposals.{operator}", ["operator"], "proposals", Query, QueryReply),
  queryLedger: request("bh.query.ledger.{operator}", ["operator"], "ledger", Query, QueryReply),
  queryMemory: request("bh.query.memory.{operator}", ["operator"], "memory", Query, QueryReply),
  queryModels: request("bh.query.models.{operator}", ["operator"], "models", Query, QueryReply),
  controlBeat: {
    subject: "$KV.control.watchdog",
    kind: "kv",
    publishers: ["watchdog"],
    consumers: controlReaders,
    body: ControlValue,
    signed: true,
  },
  controlQuarantine: {
    subject: "$KV.control.quarantine",
    kind: "kv",
    publishers: ["watchdog"],
    consumers: controlReaders,
    body: ControlValue,
    signed: true,
  },
  controlStop: {
    subject: "$KV.control.stop",
    kind: "kv",
    publishers: ["operator"],
    consumers: controlReaders,
    body: ControlValue,
    signed: true,
  },
  controlRevoked: {
    subject: "$KV.control.revoked",
    kind: "kv",
    publishers: ["operator"],
    consumers: controlReaders,
    body: ControlValue,
    signed: true,
  },
  controlMode: {
    subject: "$KV.control.mode",
    kind: "kv",
    publishers: ["operator"],
    consumers: controlReaders,
    body: ControlValue,
    signed: true,
  },
  controlBreaker: {
    subject: "$KV.control.breaker-{agent}",
    kind: "kv",
    publishers: ["tasks"],
    consumers: controlReaders,
    body: ControlValue,
    signed: true,
  },
  controlBudget: {
    subject: "$KV.control.budget-{agent}",
    kind: "kv",
    publishers: ["models"],
    consumers: controlReaders,
    body: ControlValue,
    signed: true,
  },
  /** Presence is the label. Key `<task>.<A|B>`, create-only; besides the own timers' names the task is the one place where a publisher's subject has a wildcard, since tasks are not known beforehand. */
  label: {
    subject: "$KV.labels.{task}.{label}",
    kind: "kv",
    publishers: ["exec", "tasks"],
    consumers: ["gateway", "watchdog", "exec", "tasks"],
    body: z.strictObject({}),
    signed: false,
  },
} as const satisfies Record<string, Contract>;
/** A contract's name. */
export type ContractName = keyof typeof CONTRACTS;
/** The body of a contract. */
export type BodyOf<N extends ContractName> = z.output<(typeof CONTRACTS)[N]["body"]>;
/** The reply of a request contract. */
export type ReplyOf<N extends ContractName> = (typeof CONTRACTS)[N] extends { reply: infer R extends z.ZodType }
  ? z.output<R>
  : never;

/** The envelope type of a contract's messages: several subjects may carry the same type. */
export function typeOf(name: ContractName): string {
  if (name === "submit") return "task";
  if (name.startsWith("query")) return "query";
  if (name.startsWith("control")) return "control";
  return name;
}

/** The subject of a contract with its placeholders filled in. Throws on a value that is not a token (ZT-06), so no wildcard can enter. */
export function subjectOf(name: ContractName, values: Readonly<Record<string, string>> = {}): string {
  return CONTRACTS[name].subject.replace(/\{(\w+)\}/g, (_, key: string) => {
    const value = values[key] ?? "";
    if (!(key === "label" ? /^[AB]$/ : /^[a-z0-9][a-z0-9-]{0,62}$/).test(value))
      throw new TypeError(`not a token: ${key}`);
    return value;
  });
}

const KINDS: Readonly<Record<string, Role>> = { host: "host", exec: "exec", operator: "operator", client: "client" };

/** The role of an identity: `host-inbox` is a host, `gateway` the gateway; undefined if it is none. */
export function roleOf(identity: string): Role | undefined {
  const dash = identity.indexOf("-");
  if (dash > 0) return KINDS[identity.slice(0, dash)];
  return ROLES.find((role) => role === identity && !(role in KINDS));
}

/** Whether an identity may publish under a contract, by its role. The bus enforces it; whoever acts on a message checks it again. */
export function mayPublish(name: ContractName, identity: string): boolean {
  const role = roleOf(identity);
  return role !== undefined && (CONTRACTS[name].publishers as readonly Role[]).includes(role);
}

/** Whether an identity may do more than look: everybody but an operator whom the policy does not name, or names a viewer only. */
export function mayAct(operators: Policy["operators"], identity: string): boolean {
  if (roleOf(identity) !== "operator") return true;
  const name = identity.slice("operator-".length);
  const roles = Object.hasOwn(operators, name) ? operators[name]?.roles : undefined;
  return roles?.some((role) => role !== "viewer") === true;
}
