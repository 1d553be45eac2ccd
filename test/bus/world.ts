import { existsSync } from "node:fs";
import { join } from "node:path";
import {
  type Bus,
  type BusEvent,
  connectBus,
  createBusKey,
  type NatsServer,
  natsConfig,
  type Participants,
  PROVISIONER,
  type ProvisionOptions,
  provisionBus,
  startNats,
} from "@bulkhead/bus";
import { generateIdentity, type Identity, signingKey } from "@bulkhead/core";
import type { AgentPolicy, Policy, ToolContract, ToolsetPolicy } from "@bulkhead/schemas";
import { connect, type NatsConnection, nkeyAuthenticator } from "@nats-io/transport-node";

/** Two agents, two tool sets, two operators and a viewer, one client: enough to try every crossing. */
export const IDENTITIES = [
  "tasks",
  "gateway",
  "proposals",
  "watchdog",
  "models",
  "ledger",
  "memory",
  "host-inbox",
  "host-finance",
  "exec-local",
  "exec-mail",
  "operator-ana",
  "operator-bob",
  "operator-eve",
  "client-web",
  PROVISIONER,
] as const;

export type WorldPolicy = Participants & Pick<Policy, "retention">;

/** A real server with generated permissions, and the key of every identity. */
export interface World extends AsyncDisposable {
  readonly server: NatsServer;
  readonly policy: WorldPolicy;
  readonly keys: ReadonlyMap<string, Identity>;
  readonly provisioning: ProvisionOptions;
  /** The identity as the runtime connects it. */
  bus(identity: string, onEvent?: (event: BusEvent) => void): Promise<Bus>;
  /** The identity's key in the hands of an attacker: the bare NATS client. */
  raw(identity: string): Promise<NatsConnection>;
}

export function natsBinary(): string {
  const named = process.env["BULKHEAD_NATS_SERVER"];
  if (named) return named;
  const found = (process.env["PATH"] ?? "")
    .split(":")
    .map((dir) => join(dir, "nats-server"))
    .find(existsSync);
  if (found === undefined) throw new Error("no nats-server: set BULKHEAD_NATS_SERVER or PATH");
  return found;
}

export function worldPolicy(identities: Iterable<Identity>, busKeys: ReadonlyMap<string, string>): WorldPolicy {
  const trust = [...identities].map((one) => [
    one.identity,
    { signing: signingKey(one.signingSeed).publicKey, bus: busKeys.get(one.identity) ?? "" },
  ]);
  const named = <T>(names: readonly string[]) =>
    Object.fromEntries(names.map((name) => [name, { name }])) as Record<string, T>;
  return {
    agents: named<AgentPolicy>(["inbox", "finance"]),
    tools: {
      "mail-read": { name: "mail-read", toolset: "mail", adapter: { kind: "builtin" } } as ToolContract,
      "mail-send": { name: "mail-send", toolset: "mail", adapter: { kind: "builtin" } } as ToolContract,
    },
    toolsets: {
      local: toolset("local", [{ name: "task", kind: "tasks", settings: {} }]),
      mail: toolset("mail", [{ name: "mail", kind: "mail", settings: {} }]),
    },
    clients: { web: { agents: ["inbox"] } },
    operators: {
      ana: { name: "ana", person: "ana", roles: ["approver"] },
      bob: { name: "bob", person: "bob", roles: ["viewer", "approver"] },
      eve: { name: "eve", person: "eve", roles: ["viewer"] },
    },
    trust: Object.fromEntries(trust) as Policy["trust"],
    retention: { contentMs: 86_400_000, taskMs: 86_400_000, streamMs: 86_400_000 },
  };
}

function toolset(name: string, connections: ToolsetPolicy["connections"]): ToolsetPolicy {
  return { name, connections, credentials: [] };
}

export async function startWorld(): Promise<World> {
  const busKeys = new Map<string, string>();
  const keys = new Map<string, Identity>();
  for (const identity of IDENTITIES) {
    const { seed, publicKey } = createBusKey();
    busKeys.set(identity, publicKey);
    keys.set(identity, generateIdentity(identity, seed));
  }
  const policy = worldPolicy(keys.values(), busKeys);
  const server = await startNats({
    binary: natsBinary(),
    config: (folders) => natsConfig({ policy, port: -1, ...folders }),
  });
  return openWorld(server, policy, keys);
}

async function openWorld(server: NatsServer, policy: WorldPolicy, keys: Map<string, Identity>): Promise<World> {
  await using stack = new AsyncDisposableStack();
  stack.use(server);
  const provisioning: ProvisionOptions = { url: server.url, identity: keyOf(keys, PROVISIONER), policy };
  await provisionBus(provisioning);
  const owned = stack.move();
  return {
    server,
    policy,
    keys,
    provisioning,
    bus: async (identity, onEvent) =>
      owned.use(
        await connectBus({
          url: server.url,
          identity: keyOf(keys, identity),
          trust: policy.trust,
          ...(onEvent && { onEvent }),
        }),
      ),
    raw: async (identity) => owned.adopt(await rawConnection(server.url, keyOf(keys, identity)), (nc) => nc.close()),
    [Symbol.asyncDispose]: async () => owned.disposeAsync(),
  };
}

export async function rawConnection(url: string, key: Identity): Promise<NatsConnection> {
  return connect({
    servers: url,
    authenticator: nkeyAuthenticator(new TextEncoder().encode(key.busSeed)),
    inboxPrefix: `_INBOX.${key.identity}`,
    noAsyncTraces: true,
  });
}

export function keyOf(keys: ReadonlyMap<string, Identity>, identity: string): Identity {
  const key = keys.get(identity);
  if (key === undefined) throw new Error(`no key of ${identity}`);
  return key;
}
