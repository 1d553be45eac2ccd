import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { projectAt } from "bulkhead";

const ROOT = join(import.meta.dirname, "../..");
const BIN = join(ROOT, "packages/cli/bin/bulkhead.mjs");
const run = promisify(execFile);

/** What `stop` and `resume` say with `--json`. */
export interface Told {
  readonly stop: { readonly id: string; readonly at: number };
  readonly acknowledged: readonly { readonly identity: string; readonly instance: string; readonly ms: number }[];
  readonly missing: readonly { readonly identity: string; readonly instance?: string }[];
}

export interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** The command line of a project's operator, as a process of its own. */
export async function bulkhead(dir: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Said> {
  const options = { env: { ...process.env, ...env } };
  return await run(process.execPath, [BIN, ...args, "--dir", dir], options).then(
    ({ stdout, stderr }) => ({ code: 0, out: stdout, err: stderr }),
    (error: unknown) => {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
      return { code, out: stdout, err: stderr };
    },
  );
}

export async function told(dir: string, args: readonly string[], env?: NodeJS.ProcessEnv): Promise<Told & Said> {
  const said = await bulkhead(dir, [...args, "--json"], env);
  if (said.out === "") throw new Error(`nothing was told: ${said.code} ${said.err}`);
  return { ...said, ...(JSON.parse(said.out) as Told) };
}

/** One more process of a service beside those that the constellation runs, under the same identity. */
export interface Replica extends AsyncDisposable {
  readonly instance: string;
  readonly child: ChildProcess;
}

export async function startReplica(dir: string, service: string, identity: string): Promise<Replica> {
  const main = join(ROOT, "services", service, "src/main.ts");
  const config = join(projectAt(dir).configsDir, `${identity}.json`);
  const child = spawn(process.execPath, [main, "--config", config], { stdio: ["pipe", "pipe", "inherit"], env: {} });
  const exited = once(child, "exit");
  for await (const line of createInterface({ input: child.stdout })) {
    const { instance } = JSON.parse(line) as { instance: string };
    const end = async (): Promise<void> => {
      child.kill("SIGKILL");
      await exited;
    };
    return { instance, child, [Symbol.asyncDispose]: end };
  }
  throw new Error(`${identity} did not start`);
}
