import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { guard, unguard } from "./reaper.ts";

/** A program to run in a process group of its own. */
export interface Program {
  readonly command: string;
  readonly args: readonly string[];
  /** Standard error, and standard output too unless `onLine` takes it, are appended here. */
  readonly logFile: string;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Takes standard output line by line. */
  readonly onLine?: (line: string) => void;
}

/** How a process ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** It could not be started at all. */
  readonly error?: Error;
}

/** A running program. Its standard input stays open until it is stopped, and closes if this process dies. */
export interface Child extends AsyncDisposable {
  readonly pid: number | undefined;
  readonly ended: Promise<Ended>;
  /** SIGTERM, and after `graceMs` SIGKILL to the whole group. Resolves when it has ended. */
  stop(graceMs?: number): Promise<Ended>;
}

const GRACE_MS = 5_000;

/** Starts a program. Never throws: `ended` tells. */
export function startChild(program: Program): Child {
  const log = openSync(program.logFile, "a", 0o600);
  const child = spawn(program.command, program.args, {
    detached: true,
    stdio: ["pipe", program.onLine ? "pipe" : log, log],
    ...(program.cwd && { cwd: program.cwd }),
    ...(program.env && { env: program.env }),
  });
  closeSync(log);
  child.stdin?.on("error", () => undefined);
  if (child.stdout && program.onLine) createInterface({ input: child.stdout }).on("line", program.onLine);
  if (child.pid !== undefined) guard(child.pid);
  const ended = outcome(child);
  const stop = (graceMs = GRACE_MS): Promise<Ended> => stopGroup(child, ended, graceMs);
  return {
    pid: child.pid,
    ended,
    stop,
    [Symbol.asyncDispose]: async () => {
      await stop();
    },
  };
}

async function outcome(child: ChildProcess): Promise<Ended> {
  try {
    const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
    return { code, signal };
  } catch (error) {
    return { code: null, signal: null, error: error as Error };
  } finally {
    if (child.pid !== undefined) unguard(child.pid);
  }
}

async function stopGroup(child: ChildProcess, ended: Promise<Ended>, graceMs: number): Promise<Ended> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return await ended;
  child.kill("SIGTERM");
  const late = new AbortController();
  const kill = sleep(graceMs, undefined, { signal: late.signal }).then(
    () => {
      killGroup(child.pid);
    },
    () => undefined,
  );
  const result = await ended;
  late.abort();
  await kill;
  return result;
}

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  } catch {
    // It ended meanwhile.
  }
}
