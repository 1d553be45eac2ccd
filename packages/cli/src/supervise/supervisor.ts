import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CliError } from "../errors.ts";
import { cacheRoot } from "../ground/cache.ts";
import { type Child, type Ended, startChild } from "./child.ts";

/** One service process: the program to run and what to call it. */
export interface ServiceSpec {
  readonly name: string;
  readonly script: string;
  readonly configFile: string;
  readonly logFile: string;
}

/** What a person is told while services run. */
export interface SupervisorEvents {
  readonly restarted?: (name: string, ended: Ended) => void;
}

/** A service that is kept running. */
export interface Supervised {
  readonly name: string;
  /** The process id now; another after a restart. */
  pid(): number | undefined;
  /** How often it was started again. */
  restarts(): number;
  stop(): Promise<void>;
}

const READY_MS = 60_000;
const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 5_000;
const HEALTHY_MS = 30_000;

/**
 * Starts a service, resolves when it has printed `{"ready":true}`, and from then on starts it again whenever it ends, after a
 * delay that doubles up to 5 s while it keeps ending.
 *
 * @throws CliError naming the log when its first start fails
 */
export async function supervise(spec: ServiceSpec, events: SupervisorEvents = {}): Promise<Supervised> {
  const first = launch(spec);
  await firstReady(spec, first);
  return keepRunning(spec, first.child, events);
}

interface Launched {
  readonly child: Child;
  readonly ready: Promise<true>;
}

function launch(spec: ServiceSpec): Launched {
  const { promise: ready, resolve } = Promise.withResolvers<true>();
  const child = startChild({
    command: process.execPath,
    args: ["--disable-warning=ExperimentalWarning", spec.script, "--config", spec.configFile],
    logFile: spec.logFile,
    env: { PATH: process.env["PATH"] ?? "", NODE_COMPILE_CACHE: join(cacheRoot(), "v8") },
    onLine: (line) => {
      if (isReady(line)) resolve(true);
    },
  });
  return { child, ready };
}

function isReady(line: string): boolean {
  try {
    return (JSON.parse(line) as { ready?: unknown } | null)?.ready === true;
  } catch {
    return false;
  }
}

async function firstReady(spec: ServiceSpec, { child, ready }: Launched): Promise<void> {
  const deadline = new AbortController();
  const late = sleep(READY_MS, "late" as const, { signal: deadline.signal }).catch(() => "late" as const);
  const outcome = await Promise.race([ready, child.ended, late]);
  deadline.abort();
  if (outcome === true) return;
  await child.stop();
  const why = outcome === "late" ? `was not ready within ${READY_MS / 1000} s` : "ended while starting";
  throw new CliError(`The service ${spec.name} ${why}: ${await lastLine(spec.logFile)} (log: ${spec.logFile})`);
}

async function lastLine(file: string): Promise<string> {
  const text = await readFile(file, "utf8").catch(() => "");
  return text.trim().split("\n").at(-1)?.slice(0, 500) ?? "no message";
}

function keepRunning(spec: ServiceSpec, first: Child, events: SupervisorEvents): Supervised {
  const stopping = new AbortController();
  let child = first;
  let restarts = 0;
  const loop = async (): Promise<void> => {
    for (let delayMs = FIRST_DELAY_MS; ; ) {
      const startedAt = performance.now();
      const ended = await child.ended;
      if (stopping.signal.aborted) return;
      delayMs = performance.now() - startedAt > HEALTHY_MS ? FIRST_DELAY_MS : Math.min(delayMs * 2, LONGEST_DELAY_MS);
      events.restarted?.(spec.name, ended);
      if (!(await waited(delayMs, stopping.signal))) return;
      restarts += 1;
      child = launch(spec).child;
    }
  };
  const running = loop();
  return {
    name: spec.name,
    pid: () => child.pid,
    restarts: () => restarts,
    stop: async () => {
      stopping.abort();
      await child.stop();
      await running;
    },
  };
}

/** False if it was cut short. */
async function waited(durationMs: number, signal: AbortSignal): Promise<boolean> {
  return await sleep(durationMs, true, { signal }).catch(() => false);
}
