import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeIdentity } from "@bulkhead/core";
import type { Policy } from "@bulkhead/schemas";
import { afterAll, beforeAll, expect } from "vitest";
import { keyOf, startWorld, type World } from "../bus/world.ts";
import { signedPolicy, smallPolicy } from "../harness/policy.ts";
import { verifies } from "../verifies.ts";
import { descendantsOf, isAlive, type Outside, startOutside, until } from "./outside.ts";
import { asks, Peers, result, type Script, says } from "./peers.ts";

const MAIN = fileURLToPath(import.meta.resolve("../../services/agent/src/main.ts"));
let world: World;
let outside: Outside;
let configFile: string;

beforeAll(async () => {
  [world, outside] = await Promise.all([startWorld(), startOutside()]);
  configFile = await configure();
});
afterAll(async () => {
  await outside[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
});

async function configure(): Promise<string> {
  const dir = join(outside.dir, "private");
  await mkdir(dir, { mode: 0o700 });
  const [keyFile, policyFile, file] = [join(dir, "host.json"), join(dir, "policy.json"), join(dir, "config.json")];
  const { adminKey, envelope } = signedPolicy(policyOf(world));
  await writeIdentity(keyFile, keyOf(world.keys, "host-inbox"));
  await writeFile(policyFile, JSON.stringify(envelope));
  const config = {
    identity: "host-inbox",
    keyFile,
    policyFile,
    adminKey,
    nats: { url: world.server.url },
    agent: "inbox",
    cacheDir: join(outside.dir, "cache"),
  };
  await writeFile(file, JSON.stringify(config), { mode: 0o600 });
  return file;
}

/** The world's bus permits the tool `mail-read`. */
function policyOf({ keys }: World): Policy {
  const base = smallPolicy([...keys.values()]);
  const [agent, tool] = [base.agents["inbox"], base.tools["notes-list"]];
  if (agent === undefined || tool === undefined) throw new Error("no agent, no tool");
  const tools = { "mail-read": { tier: "AUTO" as const } };
  return { ...base, agents: { inbox: { ...agent, tools } }, tools: { "mail-read": { ...tool, name: "mail-read" } } };
}

async function startHost(): Promise<ChildProcess> {
  const host = spawn(process.execPath, [MAIN, "--config", configFile], { stdio: ["pipe", "pipe", "inherit"] });
  await once(host.stdout, "data");
  return host;
}

async function peersOf(script: Script, stack: AsyncDisposableStack): Promise<Peers> {
  const [tasks, models, gateway, memory] = await Promise.all([
    world.bus("tasks"),
    world.bus("models"),
    world.bus("gateway"),
    world.bus("memory"),
  ]);
  for (const bus of [tasks, models, gateway, memory]) stack.use(bus);
  const peers = new Peers(world, script);
  peers.serve(tasks, models, gateway, memory);
  return peers;
}

verifies(
  ["S10", "S8"],
  "a host killed in the middle of a call: its workers die, another replica goes on under the same call ids",
  async () => {
    await using stack = new AsyncDisposableStack();
    let answering = false;
    const peers = await peersOf(
      {
        model: (step) => (step === 0 ? asks(["mail-read", {}]) : says("Listed.")),
        call: () => (answering ? result("two notes") : { status: "pending" }),
      },
      stack,
    );
    const first = await startHost();
    await until(() => peers.calls.length > 0, 20_000);
    const workers = descendantsOf(first.pid ?? 0);
    expect(workers.length).toBeGreaterThan(0);
    first.kill("SIGKILL");
    await until(() => !workers.some(isAlive));
    answering = true;
    const second = await startHost();
    stack.defer(() => void second.kill("SIGKILL"));
    await until(() => peers.end !== undefined, 20_000);
    expect(peers.end?.outcome).toBe("done");
    expect(peers.handedOut).toBe(2);
    expect(new Set(peers.calls.map(({ callId }) => callId))).toEqual(new Set(["t-1.0.0"]));
    expect(peers.models.map(({ id }) => id)).toEqual(["t-1.0.m", "t-1.1.m"]);
    second.kill("SIGTERM");
    await once(second, "exit");
  },
);
