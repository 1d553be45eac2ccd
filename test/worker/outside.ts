import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

/** What can be seen of a worker from outside of its sandbox. */
export interface Outside extends AsyncDisposable {
  readonly dir: string;
  readonly secret: string;
  readonly secretFile: string;
  readonly writeTo: string;
  readonly tcpPort: number;
  readonly udpPort: number;
  readonly unixPath: string;
  /** `tcp`, `unix`, `udp`: once for each contact. */
  readonly contacts: string[];
  bundle(code: string): Promise<string>;
}

/** Things that a worker must not reach, and somebody who watches them. Readable for all: only the sandbox protects them. */
export async function startOutside(): Promise<Outside> {
  await using stack = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), "bulkhead-hostile-"));
  stack.defer(async () => rm(dir, { recursive: true, force: true }));
  await chmod(dir, 0o777);
  const [secretFile, unixPath, writeTo] = [join(dir, "key.json"), join(dir, "open.sock"), join(dir, "written")];
  const secret = "SUAKEYOFTHEHOST";
  await writeFile(secretFile, secret, { mode: 0o644 });
  const contacts: string[] = [];
  const tcp = stack.use(await listening(contacts, "tcp", 0));
  stack.use(await listening(contacts, "unix", unixPath));
  await chmod(unixPath, 0o777);
  const udp = createSocket("udp4").on("message", () => contacts.push("udp"));
  stack.defer(() => {
    udp.close();
  });
  udp.bind(0, "127.0.0.1");
  await once(udp, "listening");
  const owned = stack.move();
  let files = 0;
  return {
    ...{ dir, secret, secretFile, writeTo, unixPath, contacts },
    tcpPort: (tcp.address() as AddressInfo).port,
    udpPort: udp.address().port,
    bundle: async (code) => {
      const file = join(dir, `hostile-${++files}.cjs`);
      await writeFile(file, code, { mode: 0o644 });
      return file;
    },
    [Symbol.asyncDispose]: async () => owned.disposeAsync(),
  };
}

async function listening(contacts: string[], name: string, where: number | string): Promise<Server> {
  const server = createServer((socket) => {
    contacts.push(name);
    socket
      .on("error", () => undefined)
      .resume()
      .end();
  });
  if (typeof where === "number") server.listen(where, "127.0.0.1");
  else server.listen(where);
  await once(server, "listening");
  return server;
}

/** The processes below this one that run a worker's code. */
export function workerPids(): number[] {
  return descendantsOf(process.pid).filter((pid) => /worker[^/]*\.cjs/.test(commandOf(pid)));
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1");
  } catch {
    return "";
  }
}

/** All processes below `pid`, by the machine's process table. */
export function descendantsOf(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc")) {
    const parent = /^\d+$/.test(name) ? parentOf(name) : undefined;
    if (parent !== undefined) parents.set(Number(name), parent);
  }
  const below = (ancestor: number): number[] =>
    [...parents].filter(([, parent]) => parent === ancestor).flatMap(([child]) => [child, ...below(child)]);
  return below(pid);
}

function parentOf(pid: string): number | undefined {
  try {
    return Number(/^PPid:\t(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
  } catch {
    return undefined;
  }
}

/** Whether a process exists and is no zombie. */
export function isAlive(pid: number): boolean {
  try {
    return !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

export async function until(holds: () => boolean, timeoutMs = 10_000): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!holds()) {
    if (Date.now() > end) throw new Error(`not within ${timeoutMs} ms: ${holds.toString()}`);
    await wait(20);
  }
}
