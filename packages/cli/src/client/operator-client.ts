/**
 * Owns: what an operator does at a keyboard: submit tasks, ask services, decide proposals, each signed with their own key.
 * Does not own: whether it is permitted (bus permissions, the policy's roles, each service).
 * Invariants: S3: what is signed is the digest of exactly the terms that were shown, after checking that they name exactly
 * the action that was shown under the policy that this client itself verified.
 */
import { type Bus, connectBus } from "@bulkhead/bus";
import {
  BulkheadError,
  type Envelope,
  newId,
  readIdentity,
  sameDigest,
  sign,
  signingKey,
  systemClock,
} from "@bulkhead/core";
import { actionDigest, type LoadedPolicy, termsDigest } from "@bulkhead/policy";
import type {
  ControlValue,
  Decision,
  ProposalView,
  Query,
  QueryReply,
  ReplyOf,
  TaskCommand,
  TaskSubmission,
} from "@bulkhead/schemas";

/** A kind of question that operators may ask. */
export type QueryKind = Query["kind"];
/** The answer to one kind of question. */
export type Answer<K extends QueryKind> = Extract<QueryReply, { kind: K }>;
/** A question of one kind; its page size may be left out. */
export type Question<K extends QueryKind> = { readonly kind: K } & DefaultsOptional<Extract<Query, { kind: K }>>;
type DefaultsOptional<Q> = Omit<Q, "kind" | "limit" | "after"> & Partial<Pick<Q, Extract<keyof Q, "limit" | "after">>>;

/** What a person says about a proposal; `args` with `edit` only. */
export type Said = Pick<Decision, "outcome" | "reason" | "args">;

/** A person with a key, connected. */
export interface OperatorClient extends AsyncDisposable {
  /** Without the prefix: `ana`. */
  readonly name: string;
  readonly policy: LoadedPolicy;
  readonly bus: Bus;
  /** Signs and submits a task; resolves when the intake keeps it. The id is the task's, before anybody has admitted it. */
  submit(agent: string, task: TaskSubmission): Promise<{ readonly task: string }>;
  ask<K extends QueryKind>(question: Question<K>): Promise<Answer<K>>;
  /** Signs a decision over exactly what the proposal shows. @throws BulkheadError `digest.mismatch|policy.epoch` if it shows something else */
  decide(proposal: ProposalView, said: Said): Promise<void>;
  command(command: TaskCommand): Promise<ReplyOf<"command">>;
  /** Signs a value of control; never earlier than `notBefore` (epoch ms), so that a slow clock does not make it an old one. */
  signControl(value: ControlValue, notBefore: number): Envelope;
}

/** Who connects, and where. */
export interface OperatorOptions {
  readonly url: string;
  /** The operator's key file. */
  readonly keyFile: string;
  readonly policy: LoadedPolicy;
  readonly ca?: string;
  readonly signal?: AbortSignal;
}

const ATTEMPTS = 3;

/** Connects an operator. @throws BulkheadError `credential.*`, `bus.*` */
export async function connectOperator({ url, keyFile, policy, ca, signal }: OperatorOptions): Promise<OperatorClient> {
  const identity = await readIdentity(keyFile);
  const optional = { ...(ca !== undefined && { ca }), ...(signal && { signal }) };
  const bus = await connectBus({ url, identity, trust: policy.policy.trust, connectTimeoutMs: 3_000, ...optional });
  return {
    name: identity.identity.replace(/^operator-/, ""),
    policy,
    bus,
    submit: (agent, task) => submit(bus, policy, agent, task),
    ask: (question) => ask(bus, question),
    decide: (proposal, said) => decide(bus, policy, proposal, said),
    command: (command) => bus.request("command", command, { attempts: ATTEMPTS }),
    signControl: (value, notBefore) => {
      const clock = { ...systemClock, now: () => Math.max(systemClock.now(), notBefore) };
      return sign(signingKey(identity.signingSeed), identity.identity, "control", value, { clock });
    },
    [Symbol.asyncDispose]: () => bus[Symbol.asyncDispose](),
  };
}

async function submit(bus: Bus, policy: LoadedPolicy, agent: string, task: TaskSubmission): Promise<{ task: string }> {
  if (policy.agent(agent) === undefined) throw new BulkheadError("agent.unknown", `(${agent})`);
  const id = task.id ?? newId("t");
  await bus.publish("submit", { ...task, id, agent }, { values: { agent } });
  return { task: id };
}

const CONTRACT_OF = {
  tasks: "queryTasks",
  proposals: "queryProposals",
  ledger: "queryLedger",
  memory: "queryMemory",
  models: "queryModels",
} as const;

async function ask<K extends QueryKind>(bus: Bus, question: Question<K>): Promise<Answer<K>> {
  const kind: QueryKind = question.kind;
  const service = kind.slice(0, kind.indexOf(".")) as keyof typeof CONTRACT_OF;
  const page = { limit: 100, ...(kind === "ledger.tail" && { after: 0 }) };
  const wanted = /\.(list|dead|tail|about)$/.test(kind) ? { ...page, ...question } : question;
  const reply = await bus.request(CONTRACT_OF[service], wanted as unknown as Query, { attempts: ATTEMPTS });
  if (reply.kind !== kind) throw new BulkheadError("schema.invalid", `(the answer to ${kind})`);
  return reply as Answer<K>;
}

async function decide(bus: Bus, policy: LoadedPolicy, { terms, action }: ProposalView, said: Said): Promise<void> {
  if (!sameDigest(terms.action, actionDigest(action)) || terms.tool !== action.tool)
    throw new BulkheadError("digest.mismatch");
  if (terms.policyEpoch !== policy.epoch) throw new BulkheadError("policy.epoch");
  await bus.publish("decision", {
    v: 1,
    proposal: terms.id,
    digest: termsDigest(terms),
    action: terms.action,
    ...said,
  });
}
