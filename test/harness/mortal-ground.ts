import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { natsConfig, startNats } from "@bulkhead/bus";
import { startDatabase } from "@bulkhead/store";
import { type Ground, projectAt, readSigned, resolveGround } from "bulkhead";

/** A bus and a database that a test may kill. Each comes back at its old address with what it had made durable. */
export interface MortalGround extends AsyncDisposable {
  readonly ground: Ground;
  killBus(): Promise<void>;
  killDatabase(): Promise<void>;
}

/** Starts both for a signed project; undefined where the ground is somebody else's server. */
export async function startMortalGround(projectDir: string): Promise<MortalGround | undefined> {
  const [found, signed] = await Promise.all([resolveGround(), readSigned(projectAt(projectDir))]);
  const { nats, database } = found;
  if (nats.kind === "url" || database.kind === "url" || signed === undefined) return undefined;
  const dir = await mkdtemp(join(tmpdir(), "bulkhead-ground-"));
  const [natsPort, databasePort] = [await freePort(), await freePort()];
  const { policy } = signed.loaded;
  const bus = () =>
    startNats({
      binary: nats.program,
      dir: join(dir, "nats"),
      config: (folders) => natsConfig({ policy, port: natsPort, ...folders }),
    });
  const data = () => startDatabase({ bin: database.program, dir: join(dir, "database"), port: databasePort });
  let [running, store] = await Promise.all([bus(), data()]);
  const url = new URL(store.url);
  [url.username, url.password] = [store.admin.user, store.admin.password];
  return {
    ground: {
      nats: { kind: "url", url: running.url, from: "a test" },
      database: { kind: "url", url: url.toString(), from: "a test" },
    },
    killBus: async () => {
      process.kill(running.pid, "SIGKILL");
      running = await bus();
    },
    killDatabase: async () => {
      await store.kill();
      store = await data();
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all([running[Symbol.asyncDispose](), store.kill()]);
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
