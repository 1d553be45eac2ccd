import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { natsConfig } from "@bulkhead/bus";
import type { Policy } from "@bulkhead/schemas";
import { CliError } from "../errors.ts";
import { type Child, type Ended, startChild } from "../supervise/child.ts";

/** A NATS server of ours. */
export interface RunningNats extends AsyncDisposable {
  readonly url: string;
  readonly pid: number | undefined;
  readonly ended: Promise<Ended>;
}

/** How to start it. */
export interface NatsOptions {
  readonly program: string;
  readonly policy: Policy;
  /** Its configuration, log and JetStream files. */
  readonly folder: string;
  /** Any free port by default. */
  readonly port?: number;
}

const START_MS = 10_000;
const POLL_MS = 20;

/**
 * Starts a NATS server whose permissions are generated from the contracts and this policy, on loopback.
 *
 * @throws CliError when the port is taken or the server does not come up
 */
export async function startNats(options: NatsOptions): Promise<RunningNats> {
  const [storeDir, portsDir] = [join(options.folder, "jetstream"), join(options.folder, "ports")];
  await rm(portsDir, { recursive: true, force: true });
  for (const folder of [storeDir, portsDir]) await mkdir(folder, { recursive: true, mode: 0o700 });
  const configFile = join(options.folder, "nats.conf");
  const logFile = join(options.folder, "nats.log");
  const config = natsConfig({ policy: options.policy, storeDir, portsDir, port: options.port ?? -1 });
  await writeFile(configFile, config, { mode: 0o600 });
  const child = startChild({ command: options.program, args: ["-c", configFile], logFile, cwd: options.folder });
  const url = await listening(child, portsDir, options, logFile);
  return { url, pid: child.pid, ended: child.ended, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
}

async function listening(child: Child, portsDir: string, options: NatsOptions, logFile: string): Promise<string> {
  const deadline = performance.now() + START_MS;
  let ended = false;
  void child.ended.then(() => (ended = true));
  while (!ended && performance.now() < deadline) {
    const url = await readPorts(portsDir);
    if (url) return url;
    await sleep(POLL_MS);
  }
  await child.stop();
  throw new CliError(await failure(options, logFile));
}

async function readPorts(portsDir: string): Promise<string | undefined> {
  const file = (await readdir(portsDir)).find((name) => name.endsWith(".ports"));
  if (file === undefined) return undefined;
  try {
    const ports = JSON.parse(await readFile(join(portsDir, file), "utf8")) as { nats?: string[] };
    return ports.nats?.[0];
  } catch {
    return undefined;
  }
}

async function failure({ port }: NatsOptions, logFile: string): Promise<string> {
  const log = await readFile(logFile, "utf8").catch(() => "");
  if (log.includes("address already in use")) {
    return `Port ${port ?? 0} is taken: give another with --port, or the address of your own server in NATS_URL.`;
  }
  const fatal = log.split("\n").findLast((line) => line.includes("[FTL]") || line.includes("[ERR]"));
  return `The NATS server did not start: ${(fatal ?? "no message").slice(0, 300)} (log: ${logFile})`;
}
