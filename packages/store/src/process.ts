import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { open, readFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { BulkheadError } from "@bulkhead/core";

/** A server process on loopback that accepts connections. */
export interface ServerProcess {
  readonly pid: number;
  stop(): Promise<void>;
  kill(): Promise<void>;
}

/** What to start, and where its output goes. */
export interface ProcessOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly port: number;
  readonly logFile: string;
  readonly signal?: AbortSignal;
}

const START_MS = 20_000;
const STOP_MS = 10_000;
const POLL_MS = 25;

/** Starts a process in a group of its own and waits until its port accepts connections. @throws BulkheadError `store.unavailable` */
export async function startProcess(options: ProcessOptions): Promise<ServerProcess> {
  const child = await launch(options);
  try {
    await listening(child, options);
  } catch (cause) {
    await end(child, "SIGKILL");
    const log = await readFile(options.logFile, "utf8").catch(() => "");
    throw new BulkheadError("store.unavailable", `(${options.command} did not start: ${log.trim().slice(-200)})`, {
      cause,
    });
  }
  return { pid: child.pid ?? 0, stop: () => stop(child, options.port), kill: () => end(child, "SIGKILL") };
}

async function launch({ command, args, logFile }: ProcessOptions): Promise<ChildProcess> {
  await using log = await open(logFile, "a", 0o600);
  const child = spawn(command, args, { stdio: ["ignore", log.fd, log.fd], detached: true });
  const failed = once(child, "error").then(([cause]) => {
    throw new BulkheadError("store.unavailable", `(${command} cannot be started)`, { cause });
  });
  await Promise.race([once(child, "spawn"), failed]);
  child.on("error", () => undefined);
  return child;
}

async function listening(child: ChildProcess, { port, signal }: ProcessOptions): Promise<void> {
  const deadline = performance.now() + START_MS;
  while (performance.now() < deadline && child.exitCode === null) {
    signal?.throwIfAborted();
    if (await accepts(port)) return;
    await sleep(POLL_MS);
  }
  throw new Error("not listening");
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const done = (open: boolean): void => {
      socket.destroy();
      resolve(open);
    };
    socket.once("connect", () => {
      done(true);
    });
    socket.once("error", () => {
      done(false);
    });
  });
}

/** SecantusDB sees a stop only with the next connection, or after two seconds: so it gets one. */
async function stop(child: ChildProcess, port: number): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  const waker = setInterval(() => void accepts(port), POLL_MS);
  const killer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
  await exited;
  clearInterval(waker);
  clearTimeout(killer);
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill(signal);
  await exited;
}

/** A port on loopback that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address !== null ? address.port : 0;
}
