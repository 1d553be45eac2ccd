import type { Bus } from "@bulkhead/bus";
import { digest, type Envelope, newId, sign, signingKey } from "@bulkhead/core";
import { termsDigest } from "@bulkhead/policy";
import type { BodyOf, CallReply, Effect, Label, Lease, Policy, ProposalView, Tier } from "@bulkhead/schemas";
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
];

/** What the test's agent may do: name → tier, effects, whether an exception is signed. */
const TOOLS: Readonly<Record<string, readonly [Tier, readonly Effect[], boolean?]>> = {
  "notes-read": ["AUTO", []],
  "notes-write": ["AUTO+", ["state"]],
  "mail-send": ["CONFIRM", ["out", "irreversible"]],
  "chat-post": ["AUTO+", ["out"], true],
  "bank-pay": ["BLOCK", ["money"]],
  "later-do": ["PROPOSE", ["state"]],
};

/** Gateway, watchdog and proposals as processes; the test has the keys of their neighbours and plays those. */
export interface World extends AsyncDisposable {
  readonly constellation: Constellation;
  readonly services: Readonly<Record<"gateway" | "watchdog" | "proposals", RunningService>>;
  readonly ana: Bus;
  readonly bob: Bus;
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
  decide(by: Bus, proposal: ProposalView, outcome: "approve" | "deny", reason?: string): Promise<void>;
}

export async function startWorld(change: Partial<Policy> = {}): Promise<World> {
  const constellation = await startConstellation({ identities: IDENTITIES, policy: (keys) => policyOf(keys, change) });
  const [gateway, watchdog, proposals] = await Promise.all([
    constellation.start("gateway"),
    constellation.start("watchdog"),
    constellation.start("proposals"),
  ]);
  const [host, exec, tasks, ana, bob] = await Promise.all(
    ["host-inbox", "exec-local", "tasks", "operator-ana", "operator-bob"].map((name) => constellation.bus(name)),
  );
  if (!host || !exec || !tasks || !ana || !bob) throw new Error("no bus");
  const [executed, woken] = [new Array<ExecRequest>(), new Array<string>()];
  serveExecutor(exec, executed);
  tasks.serve("wake", ({ body }) => {
    woken.push(body.callId);
    return Promise.resolve({ woken: true });
  });
  return {
    ...{ constellation, services: { gateway, watchdog, proposals }, ana, bob, executed, woken },
    ask: (tool, { task = newId("t"), step = 0, args = { text: "hello" }, lease = {} } = {}) => {
      const body = { callId: `${task}.${step}.0`, task, agent: "inbox", tool, args: args as never };
      return host.request("call", { ...body, lease: leaseOf(constellation, { task, ...lease }) }, { values: { tool } });
    },
    raise: async (task, label) => {
      await tasks.bucket("labels").put(`${task}.${label}`, Buffer.from("{}"), 0);
    },
    proposal: (id) => eventually(() => show(ana, id)),
    decide: async (by, { id, terms }, outcome, reason) => {
      const said = { v: 1 as const, proposal: id, digest: termsDigest(terms), outcome };
      await by.publish("decision", reason === undefined ? said : { ...said, reason });
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
    return Promise.resolve({ status: "done", tier: "AUTO", result });
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
    { ...contract, name, effects: [...effects], inputSchema, hash: HASH },
  ]);
  const grants = entries.map(([name, [tier, , excepted]]) => [name, { tier, ...(excepted && { exception }) }]);
  return {
    ...base,
    agents: { inbox: { ...inbox, tools: Object.fromEntries(grants) as typeof inbox.tools } },
    tools: Object.fromEntries(tools) as Policy["tools"],
    operators: { ...base.operators, bob: { name: "bob", person: "bob", roles: ["viewer"] } },
    ...change,
  };
}
