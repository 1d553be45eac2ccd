import { type ChildProcessByStdio, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { type Command, commandFor, DEFAULT_PROCESS_LIMITS, type ProcessLimits } from "./command.ts";
import type { Image } from "./image.ts";
import type { SandboxLevelName } from "./level.ts";

/** The range that systemd keeps for users that exist only while a process runs. */
const [FIRST_UID, LAST_UID] = [61_184, 65_519];

export interface SandboxOptions {
  readonly image: Image;
  readonly level: SandboxLevelName;
  readonly ownUser: boolean;
  readonly mountPoint: string;
  readonly limits?: ProcessLimits;
  readonly permission?: boolean;
}

export interface SandboxedProcess extends AsyncDisposable {
  readonly pid: number;
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Resolves when the process has ended, whatever ended it. */
  readonly exited: Promise<void>;
  kill(): void;
}

export function launch(bundle: string, options: SandboxOptions): SandboxedProcess {
  const command = commandOf(bundle, options);
  if (command === undefined) throw new Error(`the sandbox level ${options.level} is not at hand`);
  const stdio: ["pipe", "pipe", "pipe"] = ["pipe", "pipe", "pipe"];
  return owned(spawn(command.file, command.args, { stdio, env: {}, cwd: "/", detached: true }));
}

function commandOf(bundle: string, options: SandboxOptions): Command | undefined {
  const { image, level, ownUser, mountPoint, limits = DEFAULT_PROCESS_LIMITS, permission = true } = options;
  const uid = ownUser ? randomInt(FIRST_UID, LAST_UID + 1) : undefined;
  return commandFor[level]({ image, bundle, limits, uid, mountPoint, permission });
}

function owned(child: ChildProcessByStdio<Writable, Readable, Readable>): SandboxedProcess {
  const exited = once(child, "close").then(ignore, ignore);
  for (const stream of [child.stdin, child.stdout, child.stderr]) stream.on("error", ignore);
  const kill = () => {
    killGroup(child.pid);
  };
  const { stdin, stdout, stderr, pid = 0 } = child;
  const dispose = async () => {
    kill();
    await exited;
  };
  return { pid, stdin, stdout, stderr, exited, kill, [Symbol.asyncDispose]: dispose };
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    /* it has ended already */
  }
}

function ignore(): void {
  /* the end of the process says it all */
}
