import { type ChildProcess, spawn } from "node:child_process";
import { pbkdf2Sync, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cacheRoot, pythonServer } from "bulkhead";
import { eventually } from "./eventually.ts";

const PYMAP = "pymap==0.36.7";
const ROUNDS = 1_000;

/** A real IMAP server on loopback, with one account whose mail lies in a maildir. */
export interface ImapServer extends AsyncDisposable {
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** kill -9. */
  kill(): Promise<void>;
  /** Starts it again on the same port, with what it had stored. */
  start(): Promise<void>;
}

/** How it is started. */
export interface ImapOptions {
  /** Labels that the inbox keeps. */
  readonly keywords?: readonly string[];
  /** Offers STARTTLS with this certificate. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

/** Starts one. Its program is installed from PyPI into the project's cache, once. */
export async function startImapServer({ keywords = [], tls }: ImapOptions = {}): Promise<ImapServer> {
  const program = join(await pythonServer(cacheRoot(), PYMAP, () => undefined), "pymap");
  const dir = await mkdtemp(join(tmpdir(), "bulkhead-imap-"));
  const [user, password, port] = ["office", randomBytes(9).toString("base64url"), await freePort()];
  await writeAccount(dir, user, password, keywords);
  const secured = tls === undefined ? ["--no-tls"] : ["--cert", tls.cert, "--key", tls.key];
  const args = ["--host", "127.0.0.1", "--port", String(port), ...secured, "maildir", dir];
  let child: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    child = spawn(program, args, { stdio: "ignore" });
    await eventually(() => greeted(port));
  };
  const kill = async (): Promise<void> => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  };
  await start();
  return {
    ...{ port, user, password, kill, start },
    [Symbol.asyncDispose]: async () => {
      await kill();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** Files in the manner of passwd(5) and shadow(5), and an empty maildir. */
async function writeAccount(dir: string, user: string, password: string, keywords: readonly string[]): Promise<void> {
  const salt = randomBytes(16);
  const hash = pbkdf2Sync(password, salt, ROUNDS, 32, "sha256");
  const digest = `$pbkdf2-sha256$${ROUNDS}$${salt.toString("base64")}$${hash.toString("base64")}`;
  for (const folder of ["cur", "new", "tmp"]) await mkdir(join(dir, user, folder), { recursive: true });
  await writeFile(join(dir, "pymap-etc-passwd"), `${user}:x::::${user}:\n`);
  await writeFile(join(dir, "pymap-etc-shadow"), `${user}:${digest}::::::\n`);
  const lines = keywords.map((keyword, n) => `${n} ${keyword}\n`).join("");
  if (lines !== "") await writeFile(join(dir, user, "dovecot-keywords"), lines);
}

async function greeted(port: number): Promise<true> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "data");
    return true;
  } finally {
    socket.destroy();
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
