import { mkdir } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { natsConfig, startNats } from "@bulkhead/bus";
import type { Policy } from "@bulkhead/schemas";
import { type AdminAccess, startDatabase } from "@bulkhead/store";
import { CliError } from "../errors.ts";
import { guard, unguard } from "../supervise/reaper.ts";
import type { Ground } from "./resolve.ts";

/** The bus and the database, running. */
export interface RunningGround extends AsyncDisposable {
  readonly natsUrl: string;
  readonly databaseUrl: string;
  readonly admin: AdminAccess;
  /** What each is and where it was found, for a person. */
  readonly natsFrom: string;
  readonly databaseFrom: string;
}

/** How to start it. */
export interface GroundStart {
  readonly ground: Ground;
  readonly policy: Policy;
  /** Data, configuration and logs of both. */
  readonly folder: string;
  /** The bus's port; any free one by default. */
  readonly port?: number;
}

/** Starts what is not running yet. @throws CliError one sentence that says what to do */
export async function startGround(options: GroundStart): Promise<RunningGround> {
  await using stack = new AsyncDisposableStack();
  const [nats, database] = await Promise.all([startBus(options, stack), startData(options, stack)]);
  const owned = stack.move();
  return { ...nats, ...database, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function startBus(
  options: GroundStart,
  stack: AsyncDisposableStack,
): Promise<Pick<RunningGround, "natsUrl" | "natsFrom">> {
  const { nats } = options.ground;
  if (nats.kind === "url") return { natsUrl: nats.url, natsFrom: nats.from };
  const port = options.port ?? -1;
  if (port > 0 && !(await isFree(port))) {
    throw new CliError(
      `Port ${port} is taken: give another with --port, or the address of your own server in NATS_URL.`,
    );
  }
  const dir = join(options.folder, "nats");
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const config = (folders: { storeDir: string; portsDir: string }): string =>
    natsConfig({ policy: options.policy, port, ...folders });
  const server = await startNats({ binary: nats.program, dir, config });
  own(server, stack);
  return { natsUrl: server.url, natsFrom: nats.from };
}

async function startData(
  options: GroundStart,
  stack: AsyncDisposableStack,
): Promise<Pick<RunningGround, "databaseUrl" | "admin" | "databaseFrom">> {
  const { database } = options.ground;
  if (database.kind === "url") {
    const admin = accessOf(database.url);
    return { databaseUrl: admin.url, admin, databaseFrom: database.from };
  }
  const dir = join(options.folder, database.kind);
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const server = await startDatabase({ bin: database.program, dir });
  own(server, stack);
  return { databaseUrl: server.url, admin: server.admin, databaseFrom: `${server.name}, ${database.from}` };
}

function own(server: AsyncDisposable & { readonly pid: number }, stack: AsyncDisposableStack): void {
  guard(server.pid);
  stack.defer(() => {
    unguard(server.pid);
  });
  stack.use(server);
}

/** `MONGODB_URI` with its administrator taken out, so that no service sees it. */
export function accessOf(uri: string): AdminAccess {
  const url = new URL(uri);
  const [user, password] = [decodeURIComponent(url.username), decodeURIComponent(url.password)];
  if (user === "")
    throw new CliError(
      "MONGODB_URI names no administrator: mongodb://USER:PASSWORD@HOST/ (it creates the services' users).",
    );
  url.username = "";
  url.password = "";
  return { url: url.toString(), user, password };
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => {
      resolve(false);
    });
    probe.listen(port, "127.0.0.1", () =>
      probe.close(() => {
        resolve(true);
      }),
    );
  });
}
