import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { type Bus, connectBus, createBusKey, natsConfig, PROVISIONER, provisionBus, startNats } from "@bulkhead/bus";
import { digest, generateIdentity, type Identity, newSeed, writeIdentity } from "@bulkhead/core";
import { DATABASES, type DatabaseName, type Policy } from "@bulkhead/schemas";
import { planFor, provisionDatabases } from "@bulkhead/store";
import { type TestDatabase, testDatabase } from "./database.ts";
import { signedPolicy, smallPolicy } from "./policy.ts";

/** A service process that has said that it is ready. */
export interface RunningService {
  readonly instance: string;
  readonly child: ChildProcess;
  /** kill -9. */
  kill(): Promise<void>;
}

/** A real bus, a real database, and services as processes of their own. */
export interface Constellation extends AsyncDisposable {
  readonly database: TestDatabase;
  readonly busUrl: string;
  readonly policy: Policy;
  readonly keys: ReadonlyMap<string, Identity>;
  /** Starts `services/<name>/src/main.ts`. Rejects with its log if it does not become ready. */
  start(name: string, settings?: object): Promise<RunningService>;
  /** Signs another policy as the same admin: services that start from now on run under it. Its epoch. */
  resign(change: Partial<Policy>): Promise<string>;
  /** A bus connection with this identity's keys. */
  bus(identity: string): Promise<Bus>;
}

/** What a constellation consists of. */
export interface ConstellationOptions {
  readonly identities: readonly string[];
  readonly policy?: (identities: readonly Identity[]) => Policy;
}

const ROOT = join(import.meta.dirname, "../..");

/** Starts bus and database for these identities; services are started by the test. */
export async function startConstellation(options: ConstellationOptions): Promise<Constellation> {
  await using stack = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), "bulkhead-test-"));
  stack.defer(() => rm(dir, { recursive: true, force: true }));
  const keys = new Map([...options.identities, PROVISIONER].map((name) => [name, newIdentity(name)]));
  const policy = (options.policy ?? smallPolicy)([...keys.values()]);
  const { seed, adminKey, envelope } = signedPolicy(policy);
  const policyFile = join(dir, "policy.signed.json");
  await writeFile(policyFile, JSON.stringify(envelope));
  for (const [name, identity] of keys) await writeIdentity(join(dir, `${name}.json`), identity);
  const database = stack.use(await testDatabase());
  await provisionDatabases(database.admin, plansOf([...keys.values()]));
  const server = stack.use(
    await startNats({ binary: onPath("nats-server"), config: (at) => natsConfig({ policy, port: -1, ...at }) }),
  );
  await provisionBus({ url: server.url, identity: keyOf(keys, PROVISIONER), policy });
  const base = { policyFile, adminKey, nats: { url: server.url }, logLevel: "warn" };
  const owned = stack.move();
  return {
    database,
    busUrl: server.url,
    policy,
    keys,
    resign: async (change) => {
      const changed = { ...policy, ...change };
      await writeFile(policyFile, JSON.stringify(signedPolicy(changed, seed).envelope));
      return digest("policy", changed);
    },
    bus: async (name) =>
      owned.use(await connectBus({ url: server.url, identity: keyOf(keys, name), trust: policy.trust })),
    start: async (name, settings = {}) => {
      const mongo = name in DATABASES ? { mongo: { url: database.url, db: `bh_${name}` } } : {};
      const config = { identity: name, keyFile: join(dir, `${name}.json`), ...base, ...mongo, ...settings };
      const file = join(dir, `${name}-${newSeed()}.config.json`);
      await writeFile(file, JSON.stringify(config), { mode: 0o600 });
      const service = await launch(name, file);
      owned.defer(() => service.kill());
      return service;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function newIdentity(name: string): Identity {
  return generateIdentity(name, createBusKey().seed, { user: name, password: newSeed() });
}

function plansOf(identities: readonly Identity[]) {
  return identities.flatMap(({ identity, mongo }) =>
    identity in DATABASES && mongo ? [planFor(identity as DatabaseName, { db: `bh_${identity}`, ...mongo })] : [],
  );
}

function keyOf(keys: ReadonlyMap<string, Identity>, name: string): Identity {
  const key = keys.get(name);
  if (key === undefined) throw new Error(`no key of ${name}`);
  return key;
}

async function launch(name: string, config: string): Promise<RunningService> {
  const main = join(ROOT, "services", name, "src/main.ts");
  const child = spawn(process.execPath, [main, "--config", config], { stdio: ["pipe", "pipe", "pipe"], env: {} });
  let log = "";
  child.stderr.on("data", (chunk: Buffer) => (log = (log + chunk.toString()).slice(-4_000)));
  const exited = once(child, "exit");
  for await (const line of createInterface({ input: child.stdout })) {
    const { instance } = JSON.parse(line) as { instance: string };
    return {
      instance,
      child,
      kill: async () => {
        child.kill("SIGKILL");
        await exited;
      },
    };
  }
  throw new Error(`${name} did not start: ${log}`);
}

function onPath(name: string): string {
  const found = (process.env["PATH"] ?? "").split(delimiter).map((folder) => join(folder, name));
  const program = found.find((file) => existsSync(file));
  if (program === undefined) throw new Error(`no ${name} on PATH`);
  return program;
}
