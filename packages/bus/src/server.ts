import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { BulkheadError } from "@bulkhead/core";
import { z } from "zod";

const START_TIMEOUT_MS = 10_000;
const STOP_TIMEOUT_MS = 5_000;
const portsFile = z.object({ nats: z.array(z.string()).min(1) });

/** Folders of one server, chosen before its configuration is written. */
export interface ServerFolders {
  readonly storeDir: string;
  readonly portsDir: string;
}

/** How to start a server. */
export interface StartNatsOptions {
  /** The `nats-server` executable. */
  readonly binary: string;
  /** Its configuration: `natsConfig`, with these folders and port -1. */
  readonly config: (folders: ServerFolders) => string;
  /** Where it keeps everything. A temporary folder, removed at the end, by default. */
  readonly dir?: string;
}

/** A running server. Disposing of it stops it. */
export interface NatsServer extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
}

/** Starts a NATS server as a child process. @throws BulkheadError `bus.unavailable` with the end of its log */
export async function startNats(options: StartNatsOptions): Promise<NatsServer> {
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), "bulkhead-nats-")));
  const folders = { storeDir: join(dir, "jetstream"), portsDir: join(dir, "ports") };
  await rm(folders.portsDir, { recursive: true, force: true });
  await mkdir(folders.portsDir, { recursive: true });
  const file = join(dir, "nats.conf");
  await writeFile(file, options.config(folders), { mode: 0o600 });
  const child = spawn(options.binary, ["-c", file], { detached: true, stdio: ["ignore", "ignore", "pipe"], env: {} });
  const log = tail(child.stderr);
  const exited = new Promise<void>((resolve) => {
    child.once("exit", resolve.bind(undefined, undefined)).once("error", resolve.bind(undefined, undefined));
  });
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    const late = new AbortController();
    await Promise.race([exited, sleep(STOP_TIMEOUT_MS, undefined, { signal: late.signal }).catch(() => undefined)]);
    late.abort();
    child.kill("SIGKILL");
    await exited;
    if (options.dir === undefined) await rm(dir, { recursive: true, force: true });
  };
  const url = await Promise.race([firstUrl(folders.portsDir), exited.then(() => undefined)]);
  if (url !== undefined) return { url, pid: child.pid ?? 0, [Symbol.asyncDispose]: stop };
  await stop();
  throw new BulkheadError("bus.unavailable", `(nats-server did not start: ${log().slice(-200)})`);
}

function tail(stream: NodeJS.ReadableStream): () => string {
  let text = "";
  stream.on("data", (chunk: Buffer) => {
    text = (text + chunk.toString()).slice(-4_000);
  });
  return () => text;
}

async function firstUrl(portsDir: string): Promise<string | undefined> {
  for (let waitedMs = 0; waitedMs < START_TIMEOUT_MS; waitedMs += 20) {
    const [file] = await readdir(portsDir);
    if (file !== undefined) {
      const parsed = portsFile.safeParse(await readPorts(join(portsDir, file)));
      if (parsed.success) return parsed.data.nats[0];
    }
    await sleep(20);
  }
  return undefined;
}

async function readPorts(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, "utf8"));
  } catch {
    return undefined;
  }
}
