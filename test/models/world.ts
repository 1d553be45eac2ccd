import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Bus } from "@bulkhead/bus";
import { type Identity, sign, signingKey } from "@bulkhead/core";
import { type RehearsalModel, startRehearsalModel } from "@bulkhead/llm";
import type { ControlValue, ModelReply, ModelRequest, Policy } from "@bulkhead/schemas";
import { type Constellation, type RunningService, startConstellation } from "../harness/constellation.ts";
import { smallPolicy } from "../harness/policy.ts";

/** One agent for each kind of model: `inbox` works with a good one, `nonsense` with one that talks nonsense, … */
export const BAD = [
  "nonsense",
  "empty",
  "invalid-json",
  "unknown-tool",
  "lies-usage",
  "garbage",
  "error",
  "refuses",
  "cut",
] as const;
export const AGENTS = ["inbox", "poor", "slow", "gone", ...BAD] as const;
export type AgentName = (typeof AGENTS)[number];

export interface ModelsWorld extends AsyncDisposable {
  readonly constellation: Constellation;
  readonly rehearsal: RehearsalModel;
  readonly settings: { readonly credentialsDir: string };
  bus(identity: string): Promise<Bus>;
  start(): Promise<RunningService>;
  /** Asks once. */
  once(agent: string, changes?: Partial<ModelRequest>): Promise<ModelReply>;
  /** Asks like a host: again with the same id while the answer is `pending`. */
  ask(agent: string, changes?: Partial<ModelRequest>): Promise<ModelReply>;
  request(agent: string, changes?: Partial<ModelRequest>): ModelRequest;
  control(key: string, issuer: string, value: ControlValue): Promise<void>;
  /** Starts or stops the watchdog's beat. */
  beating: boolean;
}

const PRICE = { inputMicrosPerMillion: 1_000_000, outputMicrosPerMillion: 2_000_000 };
const MAX_OUTPUT = 1_000;

/** Real bus, database, content store and rehearsal server; the test plays watchdog and hosts. */
export async function startModelsWorld(): Promise<ModelsWorld> {
  await using stack = new AsyncDisposableStack();
  const credentialsDir = await mkdtemp(join(tmpdir(), "bulkhead-models-"));
  stack.defer(() => rm(credentialsDir, { recursive: true, force: true }));
  await writeFile(join(credentialsDir, "provider"), "sk-canary-0123456789\n", { mode: 0o600 });
  const rehearsal = stack.use(await startRehearsalModel());
  const gone = await startRehearsalModel();
  await gone[Symbol.asyncDispose]();
  const identities = ["models", "memory", "tasks", "watchdog", "operator-ana", ...AGENTS.map((name) => `host-${name}`)];
  const constellation = stack.use(
    await startConstellation({ identities, policy: (all) => policyFor(all, rehearsal.url, gone.url) }),
  );
  await constellation.start("memory");
  const buses = new Map<string, Promise<Bus>>();
  const bus = (identity: string): Promise<Bus> => {
    const known = buses.get(identity) ?? constellation.bus(identity);
    buses.set(identity, known);
    return known;
  };
  const keyOf = (identity: string) => signingKey(constellation.keys.get(identity)?.signingSeed ?? "");
  const control = async (key: string, issuer: string, value: ControlValue): Promise<void> => {
    const data = new TextEncoder().encode(JSON.stringify(sign(keyOf(issuer), issuer, "control", value)));
    await (await bus(issuer)).bucket("control").put(key, data);
  };
  const request = (agent: string, changes: Partial<ModelRequest> = {}): ModelRequest => {
    const task = changes.task ?? `t-${randomBytes(6).toString("hex")}`;
    const lease = leaseFor(keyOf("tasks"), agent, task);
    const messages: ModelRequest["messages"] = [{ role: "user", text: "List the notes." }];
    return { id: `${task}.0.m`, task, agent, lease, messages, tools: ["notes-list"], ...changes };
  };
  const world: ModelsWorld = {
    constellation,
    rehearsal,
    settings: { credentialsDir },
    beating: true,
    bus,
    control,
    request,
    start: () => constellation.start("models", { credentialsDir }),
    once: async (agent, changes) => (await bus(`host-${agent}`)).request("model", request(agent, changes)),
    ask: async (agent, changes) => {
      const asked = request(agent, changes);
      for (;;) {
        const reply = await (await bus(`host-${agent}`)).request("model", asked, { attempts: 10 });
        if (reply.status !== "pending") return reply;
      }
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  const beat = setInterval(() => {
    if (world.beating)
      control("watchdog", "watchdog", { kind: "beat", revision: 1, at: Date.now() }).catch(() => undefined);
  }, 300);
  stack.defer(() => {
    clearInterval(beat);
  });
  const owned = stack.move();
  world[Symbol.asyncDispose] = () => owned.disposeAsync();
  return world;
}

function leaseFor(key: ReturnType<typeof signingKey>, agent: string, task: string): ModelRequest["lease"] {
  const body = { v: 1, agent, task, epoch: 1, expiresAt: Date.now() + 60_000, textDigest: `sha256:${"0".repeat(64)}` };
  return sign(key, "tasks", "lease", { ...body, principal: "operator-ana", ceiling: "CONFIRM", depth: 0 });
}

function policyFor(identities: readonly Identity[], url: string, goneUrl: string): Policy {
  const base = smallPolicy(identities);
  const [inbox] = Object.values(base.agents);
  if (inbox === undefined) throw new Error("the small policy has an agent");
  const agentOf = (name: string) => ({
    ...inbox,
    name,
    modelClass: name,
    dailyMicros: name === "poor" ? 30_000 : 1_000_000,
  });
  const classOf = (name: string) => ({
    baseUrl: name === "gone" ? goneUrl : url,
    model: modelOf(name),
    maxOutputTokens: MAX_OUTPUT,
    timeoutMs: 20_000,
    price: PRICE,
    ...(name === "inbox" && { credential: "provider" }),
  });
  return {
    ...base,
    agents: Object.fromEntries(AGENTS.map((name) => [name, agentOf(name)])),
    models: {
      currency: "EUR",
      priceVersion: "1",
      classes: Object.fromEntries(AGENTS.map((name) => [name, classOf(name)])),
    },
    dailyMicros: 5_000_000,
  };
}

function modelOf(agent: string): string {
  if (agent === "slow") return "rehearsal-slow-4000";
  return agent === "inbox" || agent === "poor" || agent === "gone" ? "rehearsal" : `rehearsal-${agent}`;
}
