/**
 * Owns: one database process on loopback for development, tests and demos, with an administrator and authentication on.
 * Does not own: where the program comes from (the caller), the services' users (`provisionDatabases`).
 * Invariants: no client is served without authentication, except by the short first start on a port that nobody is told;
 * every acknowledged write survives kill -9.
 */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { BulkheadError, newSeed } from "@bulkhead/core";
import { MongoClient } from "mongodb";
import { CLIENT_OPTIONS } from "./connect.ts";
import { flavourOf } from "./flavour.ts";
import { freePort, type ServerProcess, startProcess } from "./process.ts";
import type { AdminAccess } from "./provision.ts";

/** How to start a database. */
export interface DatabaseOptions {
  /** The program: `secantusd-py`, `secantusd-rs` or `mongod`. */
  readonly bin: string;
  /** Its folder; made if missing, reopened if not. */
  readonly dir: string;
  /** Default: a free one. */
  readonly port?: number;
  readonly signal?: AbortSignal;
}

/** A running database. Disposing stops it and waits for its end. */
export interface Database extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  readonly admin: AdminAccess;
  /** Which database it is, such as `secantusd-py`. */
  readonly name: string;
  /** kill -9. */
  kill(): Promise<void>;
}

/** Starts a database, first making its administrator if the folder is new. @throws BulkheadError `store.unavailable` with the end of its log */
export async function startDatabase(options: DatabaseOptions): Promise<Database> {
  await mkdir(join(options.dir, "data"), { recursive: true, mode: 0o700 });
  await writeFile(join(options.dir, "empty.toml"), "");
  const admin = (await readAdmin(options.dir)) ?? (await createAdmin(options));
  const port = options.port ?? (await freePort());
  const server = await start(options, port, true);
  const url = urlOf(port);
  return {
    url,
    port,
    pid: server.pid,
    admin: { url, ...admin },
    name: basename(options.bin),
    kill: () => server.kill(),
    [Symbol.asyncDispose]: () => server.stop(),
  };
}

interface Account {
  readonly user: string;
  readonly password: string;
}

const urlOf = (port: number): string => `mongodb://127.0.0.1:${port}/?directConnection=true`;
const adminFile = (dir: string): string => join(dir, "admin.json");

async function readAdmin(dir: string): Promise<Account | undefined> {
  try {
    return JSON.parse(await readFile(adminFile(dir), "utf8")) as Account;
  } catch {
    return undefined;
  }
}

async function createAdmin(options: DatabaseOptions): Promise<Account> {
  const account = { user: "admin", password: newSeed() };
  const port = await freePort();
  const server = await start(options, port, false);
  const client = new MongoClient(urlOf(port), CLIENT_OPTIONS);
  try {
    const roles = [{ role: "root", db: "admin" }];
    await client.db("admin").command({ createUser: account.user, pwd: account.password, roles });
  } catch (cause) {
    throw new BulkheadError(
      "store.unavailable",
      "(the administrator cannot be created; is the folder from another start?)",
      { cause },
    );
  } finally {
    await client.close();
    await server.stop();
  }
  await writeFile(adminFile(options.dir), JSON.stringify(account), { mode: 0o600, flag: "wx" });
  return account;
}

function start({ bin, dir, signal }: DatabaseOptions, port: number, auth: boolean): Promise<ServerProcess> {
  const { command, args } = flavourOf(bin, { dir, port, auth });
  return startProcess({ command, args, port, logFile: join(dir, "database.log"), ...(signal && { signal }) });
}
