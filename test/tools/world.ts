import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { type Bus, connectBus, createBusKey, natsConfig, PROVISIONER, provisionBus, startNats } from "@bulkhead/bus";
import {
  digest,
  type Envelope,
  generateIdentity,
  type Identity,
  type SigningKey,
  sign,
  signingKey,
  writeIdentity,
} from "@bulkhead/core";
import { type LoadedPolicy, loadPolicy } from "@bulkhead/policy";
import { type AuditEntry, type ContentReply, contentRefOf, Policy, type ToolContract } from "@bulkhead/schemas";
import { connectStore, planFor, provisionDatabases, type Store } from "@bulkhead/store";
import { bundleDigest, connectionTools, type Tool, toolContract } from "@bulkhead/tools";
import { build } from "esbuild";
import { keyOf, natsBinary } from "../bus/world.ts";
import { testDatabase } from "../harness/database.ts";
import { wireTo } from "./slow-wire.ts";

const IDENTITIES = ["tasks", "gateway", "proposals", "watchdog", "ledger", "memory", "exec-local", "exec-line"];
const OTHERS = ["operator-ana", "operator-eve", "host-inbox", PROVISIONER];
const HOUR_MS = 3_600_000;

type Contract = ReturnType<typeof toolContract>;

/** A process, and what it wrote to its standard error. */
export type Launched = ChildProcess & { readonly said: () => string };

/** A real bus and database, one real executor process a tool set, and the test in the place of everybody else. */
export interface ExecWorld extends AsyncDisposable {
  readonly dir: string;
  readonly policy: LoadedPolicy;
  readonly contents: Map<string, string>;
  readonly gateway: Bus;
  readonly entries: readonly AuditEntry[];
  /** The watchdog's beats go on while this is true. */
  beating: boolean;
  signer(identity: string): SigningKey;
  sign(identity: string, type: string, body: unknown): Envelope;
  control(key: string, identity: string, value: unknown): Promise<void>;
  /** Starts an executor and waits until it is ready. */
  executor(toolset: string): Promise<ChildProcess>;
  /** Starts an executor, whatever becomes of it. */
  launch(toolset: string): Promise<Launched>;
  store(toolset: string): Promise<Store>;
  /** No audit entry of an executor arrives while `work` runs, from the first one with this word on. */
  withoutAudit(work: () => Promise<void>, word?: string): Promise<void>;
  labels(task: string): Promise<string[]>;
  raise(task: string, label: string): Promise<void>;
}

export async function startExecWorld(): Promise<ExecWorld> {
  await using stack = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), "bulkhead-exec-"));
  stack.defer(() => rm(dir, { recursive: true, force: true }));
  for (const folder of ["keys", "tools", "credentials", "files", "mail"])
    await mkdir(join(dir, folder), { mode: 0o700 });
  await writeFile(join(dir, "credentials", "line"), "hunter2hunter2\n", { mode: 0o600 });
  const { keys, busKeys } = makeKeys();
  const admin = signingKey(generateIdentity("admin", createBusKey().seed).signingSeed);
  const body = await policyBody(dir, keys, busKeys);
  await writeFile(join(dir, "policy.signed.json"), JSON.stringify(sign(admin, "admin", "policy", body)));
  const policy = loadPolicy(structuredClone(body), digest("policy", body));

  const server = stack.use(
    await startNats({ binary: natsBinary(), config: (folders) => natsConfig({ policy: body, port: -1, ...folders }) }),
  );
  await provisionBus({ url: server.url, identity: keyOf(keys, PROVISIONER), policy: body });
  const wire = stack.use(await wireTo(server.url));
  const database = stack.use(await testDatabase());
  const accounts = ["line", "local"].map((set) => ({
    db: `bh_exec_${set}`,
    user: `exec-${set}`,
    password: `pw-${set}-0123456789`,
  }));
  await provisionDatabases(
    database.admin,
    accounts.map((account) => planFor("exec", account)),
  );

  const connect = async (identity: string): Promise<Bus> =>
    stack.use(await connectBus({ url: server.url, identity: keyOf(keys, identity), trust: body.trust }));
  const [gateway, watchdog, memory, tasks, ledger, ana] = (await Promise.all(
    ["gateway", "watchdog", "memory", "tasks", "ledger", "operator-ana"].map(connect),
  )) as [Bus, Bus, Bus, Bus, Bus, Bus];
  const signers = new Map([...keys].map(([name, key]) => [name, signingKey(key.signingSeed)]));
  const signer = (identity: string): SigningKey => signers.get(identity) ?? admin;
  const signAs = (identity: string, type: string, value: unknown): Envelope =>
    sign(signer(identity), identity, type, value);
  const put = async (key: string, identity: string, value: unknown): Promise<void> => {
    const bus = identity === "watchdog" ? watchdog : ana;
    await bus.bucket("control").put(key, Buffer.from(JSON.stringify(signAs(identity, "control", value))));
  };

  const contents = new Map<string, string>();
  serveContent(memory, contents);
  const entries: AuditEntry[] = [];
  ledger.consume("audit", (message) => {
    entries.push(message.open().body);
    return Promise.resolve();
  });
  const world = { beating: true };
  const beat = setInterval(() => {
    if (world.beating)
      void put("watchdog", "watchdog", { kind: "beat", revision: 0, at: Date.now() }).catch(() => undefined);
  }, 200);
  stack.defer(() => {
    clearInterval(beat);
  });

  const launch = async (toolset: string): Promise<Launched> => {
    const identity = `exec-${toolset}`;
    const keyFile = join(dir, "keys", `${identity}.json`);
    const account = accounts.find(({ user }) => user === identity);
    const mongo = { user: identity, password: account?.password ?? "" };
    if (!existsSync(keyFile)) await writeIdentity(keyFile, { ...keyOf(keys, identity), mongo });
    const config = {
      ...{ identity, keyFile, policyFile: join(dir, "policy.signed.json"), adminKey: admin.publicKey },
      ...{ nats: { url: wire.url }, mongo: { url: database.url, db: account?.db } },
      ...{ projectDir: dir, toolsDir: join(dir, "tools"), credentialsDir: join(dir, "credentials"), logLevel: "warn" },
    };
    const file = join(dir, `${identity}.config.json`);
    if (!existsSync(file)) await writeFile(file, JSON.stringify(config), { mode: 0o600 });
    const child = spawn(process.execPath, ["services/executor/src/main.ts", "--config", file], {
      stdio: ["pipe", "pipe", "pipe"],
      env: {},
    });
    children.push(child);
    let said = "";
    child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
    return Object.assign(child, { said: () => said });
  };
  const executor = async (toolset: string): Promise<ChildProcess> => {
    const child = await launch(toolset);
    const ready = createInterface(child.stdout as Readable);
    const started = await Promise.race([once(ready, "line"), once(child, "exit").then(() => undefined)]);
    if (started === undefined) throw new Error(child.said());
    return child;
  };
  const children: ChildProcess[] = [];
  const owned = stack.move();
  return Object.assign(world, {
    ...{ dir, policy, contents, gateway, entries, signer, launch, executor },
    sign: signAs,
    control: put,
    store: async (toolset: string) => {
      const account = accounts.find(({ user }) => user === `exec-${toolset}`);
      return owned.use(await connectStore({ url: database.url, db: "", user: "", password: "", ...account }));
    },
    withoutAudit: async (work: () => Promise<void>, word = "bh.audit.exec-") => {
      wire.swallow = word;
      await work().finally(() => (wire.swallow = undefined));
    },
    labels: async (task: string) =>
      (await gateway.bucket("labels").list(`${task}.*`)).map(({ key }) => key.slice(task.length + 1)),
    raise: async (task: string, label: string) => {
      await tasks.bucket("labels").put(`${task}.${label}`, Buffer.from("{}"), 0);
    },
    [Symbol.asyncDispose]: async () => {
      for (const child of children) child.kill("SIGKILL");
      await owned.disposeAsync();
    },
  });
}

function makeKeys(): { keys: Map<string, Identity>; busKeys: Map<string, string> } {
  const [keys, busKeys] = [new Map<string, Identity>(), new Map<string, string>()];
  for (const identity of [...IDENTITIES, ...OTHERS]) {
    const { seed, publicKey } = createBusKey();
    busKeys.set(identity, publicKey);
    keys.set(identity, generateIdentity(identity, seed));
  }
  return { keys, busKeys };
}

function serveContent(memory: Bus, contents: Map<string, string>): void {
  memory.serve("content", ({ body, ...asked }): Promise<ContentReply> => {
    if (body.kind === "get") {
      const provenance = { origin: "tool" as const, at: 0 };
      return Promise.resolve({
        kind: "get",
        ref: body.ref,
        task: "t",
        text: contents.get(body.ref) ?? "",
        labels: [],
        provenance,
      });
    }
    const ref = contentRefOf(asked);
    contents.set(ref, body.text);
    return Promise.resolve({ kind: "put", ref, digest: digest("content", body.text) });
  });
}

const CONNECTIONS = [
  { name: "files", kind: "files", settings: { root: "files", write: true } },
  { name: "mail", kind: "mail", settings: { store: { type: "maildir", path: "mail" }, from: "office@example.org" } },
  { name: "books", kind: "tracker", settings: { kinds: ["invoice"] } },
  { name: "pay", kind: "payments", settings: {} },
  { name: "channel", kind: "channel", settings: { format: "jsonl", file: "channel.jsonl" } },
  { name: "wall", kind: "channel", settings: { format: "jsonl", file: "wall.jsonl" } },
];

async function policyBody(dir: string, keys: Map<string, Identity>, busKeys: Map<string, string>): Promise<Policy> {
  const builtin = CONNECTIONS.flatMap((connection) =>
    connectionTools(connection).map((tool) => contractOf(tool, connection.name, "local")),
  );
  const custom = [await bundled(dir, "ledger-line", "line"), await bundled(dir, "blind-line", "line")];
  const tools = [...builtin, ...custom];
  const trust = [...keys.values()].map(({ identity, signingSeed }) => [
    identity,
    { signing: signingKey(signingSeed).publicKey, bus: busKeys.get(identity) ?? "" },
  ]);
  return Policy.parse({
    ...{ v: 1, name: "test", signedAt: 1, mode: "enforce", dailyMicros: 1, clients: {} },
    agents: { inbox: agent("inbox", tools) },
    tools: Object.fromEntries(tools.map((tool) => [tool.name, tool])),
    toolsets: {
      local: { name: "local", connections: CONNECTIONS, credentials: [] },
      line: { name: "line", connections: [], credentials: ["line"] },
    },
    operators: {
      ana: { name: "ana", person: "ana", roles: ["approver"] },
      eve: { name: "eve", person: "eve", roles: ["viewer"] },
    },
    trust: Object.fromEntries(trust) as Policy["trust"],
    models: { currency: "EUR", priceVersion: "1", classes: {} },
    approval: { timeoutMs: HOUR_MS, onTimeout: "deny", maxPendingPerAgent: 10 },
    retention: { contentMs: HOUR_MS, taskMs: HOUR_MS, streamMs: HOUR_MS },
  });
}

function agent(name: string, tools: readonly ToolContract[]) {
  const tier = (tool: ToolContract) =>
    tool.adapter.kind === "none"
      ? "BLOCK"
      : tool.effects.length === 0
        ? "AUTO"
        : tool.name === "files-write"
          ? "CONFIRM"
          : "AUTO+";
  const exception = { owner: "ana", reason: "an inner wall", expiresAt: Date.now() + HOUR_MS };
  return {
    ...{ name, purpose: "", modelClass: "small", ceiling: "AUTO", dailyMicros: 1, concurrency: 1 },
    limits: { steps: 10, calls: 10, tokens: 10, wallMs: HOUR_MS, depth: 1 },
    tools: Object.fromEntries(
      tools.map((tool) => [tool.name, { tier: tier(tool), ...(tool.connection === "wall" && { exception }) }]),
    ),
  };
}

function contractOf(
  tool: Tool,
  connection: string,
  toolset: string,
  bundle?: { file: string; sha256: string },
): Contract {
  const operation = tool.name.slice(connection.length + 1);
  return toolContract(tool, { connection, operation, toolset, ...(bundle && { bundle }) });
}

async function bundled(dir: string, name: string, toolset: string): Promise<Contract> {
  const { outputFiles } = await build({
    entryPoints: [join(import.meta.dirname, "fixtures", `${name}.ts`)],
    ...{ bundle: true, write: false, platform: "node", format: "esm", target: "node24" },
  });
  const bytes = outputFiles[0]?.contents ?? new Uint8Array();
  await writeFile(join(dir, "tools", `${name}.mjs`), bytes);
  const bundle = { file: `${name}.mjs`, sha256: bundleDigest(bytes) };
  const module = (await import(join(import.meta.dirname, "fixtures", `${name}.ts`))) as { default: Tool };
  const connection = module.default.name.split("-")[0] ?? "";
  return contractOf(module.default, connection, toolset, bundle);
}
