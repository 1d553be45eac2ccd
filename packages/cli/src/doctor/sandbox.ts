import { once } from "node:events";
import { existsSync } from "node:fs";
import { chmod, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { launch, type SandboxLevel, strongestSandbox } from "@bulkhead/agent";
import type { Project } from "../policy/project.ts";
import { keyFile } from "../policy/project.ts";
import { probeProgram, type Targets } from "./probe-program.ts";

/** One way out that was tried from inside. `answer` is what the attempt was told. */
export interface Try {
  readonly name: string;
  readonly gotOut: boolean;
  readonly answer: string;
}

/** What was tried from inside a worker's sandbox. */
export interface SandboxFindings {
  readonly level: SandboxLevel;
  readonly tries: readonly Try[];
}

const DEADLINE_MS = 20_000;

/** Puts a program that tries every way out where a worker stands, and watches from outside what it reaches. */
export async function trySandbox(project: Project): Promise<SandboxFindings> {
  const folder = await mkdtemp(join(tmpdir(), "bulkhead-doctor-"));
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  await chmod(folder, 0o755);
  const outside = stack.use(await watchOutside(folder));
  const secret = await secretFile(project, folder);
  const targets: Targets = {
    secret,
    writeTo: join(folder, "written"),
    port: outside.port,
    unix: outside.unix,
    pid: process.pid,
  };
  const program = join(folder, "probe.cjs");
  await writeFile(program, probeProgram(targets), { mode: 0o644 });
  const sandbox = await strongestSandbox(join(folder, "cache"));
  const said = await run(program, sandbox.options);
  const seen: readonly Try[] = [
    { name: "connections seen from outside", gotOut: outside.connections() > 0, answer: `${outside.connections()}` },
    {
      name: "file written outside",
      gotOut: existsSync(targets.writeTo),
      answer: existsSync(targets.writeTo) ? "it is there" : "none",
    },
  ];
  return { level: sandbox.level, tries: [...said, ...seen] };
}

/** A key of this project if there is one, else a stand-in that is as secret. */
async function secretFile(project: Project, folder: string): Promise<string> {
  const [first] = (await readdir(project.keysDir).catch(() => [])).filter((name) => name.startsWith("host-"));
  if (first !== undefined) return keyFile(project, first.replace(/\.json$/, ""));
  const file = join(folder, "secret");
  await writeFile(file, "secret", { mode: 0o600 });
  return file;
}

async function run(program: string, options: Parameters<typeof launch>[1]): Promise<Try[]> {
  await using child = launch(program, options);
  child.stderr.resume();
  const tries: Try[] = [];
  const read = (async () => {
    for await (const line of createInterface({ input: child.stdout })) tries.push(JSON.parse(line) as Try);
  })();
  await Promise.race([Promise.all([read, child.exited]), sleep(DEADLINE_MS, undefined, { ref: false })]);
  return tries.length > 0
    ? tries
    : [{ name: "starting a worker", gotOut: false, answer: "it did not start, so nothing could be tried" }];
}

interface Outside extends AsyncDisposable {
  readonly port: number;
  readonly unix: string;
  connections(): number;
}

/** Listens where a worker should not be heard. */
async function watchOutside(folder: string): Promise<Outside> {
  let count = 0;
  const met = (): Server =>
    createServer((socket) => {
      count += 1;
      socket.destroy();
    });
  const [tcp, local] = [met(), met()];
  const unix = join(folder, "socket");
  await Promise.all([listening(tcp, 0), listening(local, unix)]);
  await chmod(unix, 0o777);
  const address = tcp.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const close = async (): Promise<void> => {
    for (const server of [tcp, local]) await new Promise((resolve) => server.close(resolve));
  };
  return { port, unix, connections: () => count, [Symbol.asyncDispose]: close };
}

async function listening(server: Server, where: number | string): Promise<void> {
  if (typeof where === "number") server.listen(where, "127.0.0.1");
  else server.listen(where);
  await once(server, "listening");
}
