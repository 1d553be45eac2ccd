import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Bus } from "@bulkhead/bus";
import { type Envelope, sign, signingKey, systemClock, writeIdentity } from "@bulkhead/core";
import type { ControlValue, Policy } from "@bulkhead/schemas";
import { afterAll, beforeAll, expect } from "vitest";
import { keyOf, startWorld, type World } from "../bus/world.ts";
import { signedPolicy, smallPolicy } from "../harness/policy.ts";
import { verifies } from "../verifies.ts";
import { descendantsOf, isAlive, type Outside, startOutside, until } from "../worker/outside.ts";
import { asks, Peers, result, says } from "../worker/peers.ts";

const MAIN = fileURLToPath(import.meta.resolve("../../services/agent/src/main.ts"));
let world: World;
let outside: Outside;
let configFile: string;
let ana: Bus;
const stack = new AsyncDisposableStack();

beforeAll(async () => {
  [world, outside] = await Promise.all([startWorld(), startOutside()]);
  configFile = await configure();
  ana = stack.use(await world.bus("operator-ana"));
});
afterAll(async () => {
  await stack.disposeAsync();
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
  const own = { agent: "inbox", cacheDir: join(outside.dir, "cache"), warm: 0, logLevel: "error" };
  const config = { identity: "host-inbox", keyFile, policyFile, adminKey, nats: { url: world.server.url }, ...own };
  await writeFile(file, JSON.stringify(config), { mode: 0o600 });
  return file;
}

function policyOf({ keys }: World): Policy {
  const base = smallPolicy([...keys.values()]);
  const [agent, tool] = [base.agents["inbox"], base.tools["notes-list"]];
  if (agent === undefined || tool === undefined) throw new Error("no agent, no tool");
  const tools = { "mail-read": { tier: "AUTO" as const } };
  return { ...base, agents: { inbox: { ...agent, tools } }, tools: { "mail-read": { ...tool, name: "mail-read" } } };
}

interface Host extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly instance: string;
}

async function startHost(): Promise<Host> {
  const child = spawn(process.execPath, [MAIN, "--config", configFile], { stdio: ["pipe", "pipe", "inherit"] });
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  const { instance } = JSON.parse(line.toString()) as { instance: string };
  const end = async (): Promise<void> => {
    child.kill("SIGKILL");
    await once(child, "exit");
  };
  return { child, instance, [Symbol.asyncDispose]: end };
}

/** Besides workers, the program that bundles their code is the host's child. */
const isWorker = (pid: number): boolean => !readFileSync(`/proc/${pid}/cmdline`, "latin1").includes("esbuild");

/** The stop switch as ana signs it. */
function word(stops: readonly string[], lifts: readonly string[] = []): Envelope {
  const value: ControlValue = {
    kind: "stop",
    stops: stops.map((id) => ({ id, scope: { kind: "all" }, reason: "a test", at: 1 })),
    lifts: [...lifts],
  };
  const key = signingKey(keyOf(world.keys, "operator-ana").signingSeed);
  return sign(key, "operator-ana", "control", value, { clock: systemClock });
}

const write = (envelope: Envelope) => ana.bucket("control").put("stop", Buffer.from(JSON.stringify(envelope)));

/** The stops that each instance says to obey. */
function obeyed(): ReadonlyMap<string, readonly string[]> {
  const beats = new Map<string, readonly string[]>();
  ana.hear("beat", ({ body }) => beats.set(body.instance, body.stops));
  return beats;
}

verifies(
  ["TIER-09", "S10"],
  "a host acknowledges a stop when its workers are dead, gives the task back, and after the resume goes on under the same call ids",
  async () => {
    await using end = new AsyncDisposableStack();
    let answering = false;
    const peers = new Peers(world, {
      model: (step) => (step === 0 ? asks(["mail-read", {}]) : says("Read.")),
      call: () => (answering ? result("two notes") : { status: "pending" }),
    });
    const buses = await Promise.all(["tasks", "models", "gateway", "memory"].map((name) => world.bus(name)));
    const [tasks, models, gateway, memory] = buses.map((bus) => end.use(bus));
    if (!tasks || !models || !gateway || !memory) throw new Error("no bus");
    peers.serve(tasks, models, gateway, memory);
    const beats = obeyed();
    const host = end.use(await startHost());
    await until(() => peers.calls.length > 0, 20_000);
    const workers = descendantsOf(host.child.pid ?? 0).filter(isWorker);
    expect(workers.length).toBeGreaterThan(0);
    peers.held = word(["s1"]);
    const before = performance.now();
    await write(peers.held);
    await until(() => beats.get(host.instance)?.includes("s1") === true, 2_000);
    expect(workers.filter(isAlive)).toEqual([]);
    expect(performance.now() - before).toBeLessThan(2_000);
    await until(() => peers.log.includes("finish released"));
    expect(peers.state).toBe("queued");
    const asked = peers.calls.length;
    await sleep(1_000);
    expect([peers.calls.length, peers.end]).toEqual([asked, undefined]);

    const late = end.use(await startHost());
    await until(() => beats.get(late.instance)?.includes("s1") === true, 5_000);

    answering = true;
    const lifted = word([], ["s1"]);
    await write(lifted);
    peers.held = undefined;
    await until(() => beats.get(host.instance)?.length === 0 && beats.get(late.instance)?.length === 0, 2_000);
    await until(() => peers.end !== undefined, 20_000);
    expect(peers.end?.outcome).toBe("done");
    expect(new Set(peers.calls.map(({ callId }) => callId))).toEqual(new Set(["t-1.0.0"]));
    expect(peers.models.map(({ id }) => id)).toEqual(["t-1.0.m", "t-1.1.m"]);
  },
  60_000,
);
