import type { Bus } from "@bulkhead/bus";
import { digest, type Envelope, newId, sign, signingKey } from "@bulkhead/core";
import { termsDigest } from "@bulkhead/policy";
import type {
  BodyOf,
  CallReply,
  Effect,
  JsonObject,
  Label,
  Lease,
  Outcome,
  Policy,
  ProposalView,
  Tier,
  ToolContract,
  ToolGrant,
} from "@bulkhead/schemas";
import { type Constellation, type RunningService, startConstellation } from "../harness/constellation.ts";
import { eventually } from "../harness/eventually.ts";
import { smallPolicy } from "../harness/policy.ts";

export type ExecRequest = BodyOf<"exec">;

const DAY_MS = 86_400_000;
const HASH = digest("tool", "test");
const IDENTITIES = [
  "gateway",
  "watchdog",
  "proposals",
  "tasks",
  "host-inbox",
  "exec-local",
  "operator-ana",
  "operator-bob",
  "operator-cleo",
  "operator-ana-phone",
];

/** What the test's agent may do: name → tier, effects, whether an exception is signed. */
const TOOLS: Readonly<Record<string, readonly [Tier, readonly Effect[], boolean?]>> = {
  "notes-read": ["AUTO", []],
  "notes-write": ["AUTO+", ["state"]],
  "mail-send": ["CONFIRM", ["out", "irreversible"]],
  "chat-post": ["AUTO+", ["out"], true],
  "bank-pay": ["BLOCK", ["money"]],
  "later-do": ["PROPOSE", ["state"]],
  "later-hold": ["PROPOSE", ["state"]],
  "now-undo": ["PROPOSE", ["state"]],
  "both-send": ["CONFIRM", ["out"]],
};

/** How long a person has to cancel or undo in these tests. */
export const WINDOW_MS = 2_500;
const WAYS_BACK: Readonly<Record<string, Partial<ToolContract>>> = {
  "later-hold": { rollback: { mode: "hold" } },
  "now-undo": { rollback: { mode: "compensate", tool: "notes-write" } },
};
const GRANTS: Readonly<Record<string, Partial<ToolGrant>>> = {
  "later-hold": { windowMs: WINDOW_MS },
  "now-undo": { windowMs: WINDOW_MS },
  "both-send": { approvals: { count: 2 } },
};
/** What the played executor captures before `now-undo` runs. */
export const CAPTURED = { tool: "notes-write", args: { text: "as it was" } };

/** Gateway, watchdog and proposals as processes; the test has the keys of their neighbours and plays those. */
export interface World extends AsyncDisposable {
  readonly constellation: Constellation;
  readonly services: Readonly<Record<"gateway" | "watchdog" | "proposals", RunningService>>;
  readonly ana: Bus;
  readonly bob: Bus;
  readonly cleo: Bus;
  /** Another account of the person ana. */
  readonly anaPhone: Bus;
  /** What the gateway sent to the executor. */
  readonly executed: ExecRequest[];
  /** The calls that `tasks` was told of. */
  readonly woken: string[];
  ask(
    tool: string,
    options?: {
      readonly task?: string;
      readonly step?: number;
      readonly args?: object;
      readonly lease?: Partial<Lease>;
    },
  ): Promise<CallReply>;
  raise(task: string, label: Label): Promise<void>;
  proposal(id: string): Promise<ProposalView>;
  decide(by: Bus, proposal: ProposalView, outcome: Outcome, reason?: string, args?: object): Promise<void>;
}

export async function startWorld(change: Partial<Policy> = {}): Promise<World> {
  const constellation = await startConstellation({ identities: IDENTITIES, policy: (keys) => policyOf(keys, change) });
  const [gateway, watchdog, proposals] = await Promise.all([
    constellation.start("gateway"),
    constellation.start("watchdog"),
    constellation.start("proposals"),
  ]);
  const bus = (name: string) => constellation.bus(name);
  const [host, exec, tasks] = await Promise.all([bus("host-inbox"), bus("exec-local"), bus("tasks")]);
  const [ana, bob, cleo] = await Promise.all([bus("operator-ana"), bus("operator-bob"), bus("operator-cleo")]);
  const anaPhone = await bus("operator-ana-phone");
  const [executed, woken] = [new Array<ExecRequest>(), new Array<string>()];
  serveExecutor(exec, executed);
  tasks.serve("wake", ({ body }) => {
    woken.push(body.callId);
    return Promise.resolve({ woken: true });
  });
  return {
    ...{ constellation, services: { gateway, watchdog, proposals }, ana, bob, cleo, anaPhone, executed, woken },
    ask: (tool, { task = newId("t"), step = 0, args = { text: "hello" }, lease = {} } = {}) => {
      const body = { callId: `${task}.${step}.0`, task, agent: "inbox", tool, args: args as never };
      return host.request("call", { ...body, lease: leaseOf(constellation, { task, ...lease }) }, { values: { tool } });
    },
    raise: async (task, label) => {
      await tasks.bucket("labels").put(`${task}.${label}`, Buffer.from("{}"), 0);
    },
    proposal: (id) => eventually(() => show(ana, id)),
    decide: async (by, { id, terms }, outcome, reason, args) => {
      const said = { v: 1 as const, proposal: id, digest: termsDigest(terms), action: terms.action, outcome };
      const more = { ...(reason !== undefined && { reason }), ...(args && { args: args as JsonObject }) };
      await by.publish("decision", { ...said, ...more });
    },
    [Symbol.asyncDispose]: () => constellation[Symbol.asyncDispose](),
  };
}

async function show(ana: Bus, proposal: string): Promise<ProposalView | undefined> {
  const reply = await ana.request("queryProposals", { kind: "proposals.show", proposal });
  return reply.kind === "proposals.show" ? reply.proposal : undefined;
}

/** Answers as an executor does whose adapters always succeed, once for a call id. */
function serveExecutor(bus: Bus, executed: ExecRequest[]): void {
  const done = new Set<string>();
  bus.serve("exec", ({ body }) => {
    const { callId } = body.action;
    if (body.preview) return Promise.resolve({ status: "preview", state: "" });
    if (body.recall && !done.has(callId))
      return Promise.resolve({ status: "refused", code: "call.unknown", message: "" });
    if (!done.has(callId)) executed.push(body);
    done.add(callId);
    const provenance = { origin: "tool" as const, at: 1 };
    const result = { ref: `c-${"0".repeat(26)}`, text: callId, labels: [], provenance };
    const undo = body.action.tool === "now-undo" ? { undo: CAPTURED } : {};
    return Promise.resolve({ status: "done", tier: "AUTO", result, ...undo });
  });
}

function leaseOf({ keys }: Constellation, change: Partial<Lease> & { task: string }): Envelope {
  const seed = keys.get("tasks")?.signingSeed ?? "";
  const terms = { v: 1, agent: "inbox", epoch: 1, expiresAt: Date.now() + 60_000, textDigest: HASH };
  return sign(signingKey(seed), "tasks", "lease", {
    ...terms,
    principal: "operator-ana",
    ceiling: "AUTO",
    depth: 0,
    ...change,
  });
}

function policyOf(identities: Parameters<typeof smallPolicy>[0], change: Partial<Policy>): Policy {
  const base = smallPolicy(identities);
  const inbox = base.agents["inbox"];
  const contract = base.tools["notes-list"];
  if (inbox === undefined || contract === undefined) throw new Error("the small policy has no inbox");
  const exception = { owner: "Ana", reason: "a test", expiresAt: Date.now() + DAY_MS };
  const inputSchema = {
    type: "object",
    properties: { text: { type: "string" } },
    required: ["text"],
    additionalProperties: false,
  };
  const entries = Object.entries(TOOLS);
  const tools = entries.map(([name, [, effects]]) => [
    name,
    { ...contract, name, effects: [...effects], inputSchema, hash: HASH, ...WAYS_BACK[name] },
  ]);
  const grants = entries.map(([name, [tier, , excepted]]) => [
    name,
    { tier, ...(excepted && { exception }), ...GRANTS[name] },
  ]);
  const approver = (name: string, person: string) => ({ [name]: { name, person, roles: ["approver" as const] } });
  return {
    ...base,
    agents: { inbox: { ...inbox, tools: Object.fromEntries(grants) as typeof inbox.tools } },
    tools: Object.fromEntries(tools) as Policy["tools"],
    operators: {
      ...{ ...base.operators, bob: { name: "bob", person: "bob", roles: ["viewer"] } },
      ...{ ...approver("cleo", "cleo"), ...approver("ana-phone", "ana") },
    },
    rehearsals: { "now-undo": HASH },
    ...change,
  };
}
