import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Policy } from "@bulkhead/schemas";
import { CliError } from "../errors.ts";
import { usesRehearsal } from "../policy/models.ts";
import type { Project } from "../policy/project.ts";
import type { Programs } from "../supervise/bundle.ts";
import { startChild } from "../supervise/child.ts";

/** The rehearsal model, running on loopback. */
export interface Rehearsal extends AsyncDisposable {
  readonly url: string;
}

const START_MS = 10_000;

/** Starts the rehearsal model as a process of its own, if the policy has a class that it stands for. */
export async function startRehearsal(
  project: Project,
  policy: Policy,
  programs: Programs,
): Promise<Rehearsal | undefined> {
  if (!usesRehearsal(policy)) return undefined;
  const { promise: url, resolve } = Promise.withResolvers<string>();
  const logFile = join(project.logsDir, "rehearsal.log");
  const child = startChild({
    command: process.execPath,
    args: [programs.rehearsal],
    logFile,
    env: {},
    onLine: (line) => {
      resolve((JSON.parse(line) as { url: string }).url);
    },
  });
  const late = sleep(START_MS, undefined, { ref: false });
  const found = await Promise.race([url, late, child.ended.then(() => undefined)]);
  if (found !== undefined) return { url: found, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
  await child.stop();
  throw new CliError(`The rehearsal model did not start (log: ${logFile}).`);
}
