import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { NatsConnection } from "@nats-io/transport-node";
import { type Db, MongoClient } from "mongodb";
import type { TestRuntime } from "../test/harness/runtime.ts";

/** The bare operations that governed calls are compared with, on the same servers. */
export interface Bare extends AsyncDisposable {
  /** A request to another process and its reply, without any check. */
  readonly request: () => Promise<unknown>;
  /** A journaled update of one small document by its id. */
  readonly update: () => Promise<unknown>;
  /** A journaled insert of one small document. */
  readonly insert: () => Promise<unknown>;
}

const SUBJECT = "bh.exec.mail";
const PAYLOAD = new Uint8Array(1_024);

/** Puts an echo in the place of the mail executor, and opens a database as the local one does. */
export async function bareOperations(rt: TestRuntime): Promise<Bare> {
  await using stack = new AsyncDisposableStack();
  await rt.constellation.services.find(({ name }) => name === "exec-mail")?.stop();
  const nc = await echoed(rt, stack);
  const records = (await database(rt, stack)).collection<{ _id: string }>("records");
  const id = `bench-${Date.now()}`;
  const record = {
    kind: "invoice",
    state: "open",
    fields: {},
    version: 1,
    by: "t-bench.0.0",
    createdAt: 1,
    updatedAt: 1,
  };
  await records.insertOne({ _id: id, ...record });
  let [updated, inserted] = [1, 0];
  const owned = stack.move();
  return {
    request: () => nc.request(SUBJECT, PAYLOAD, { timeout: 2_000 }),
    update: () => records.updateOne({ _id: id }, { $set: { updatedAt: ++updated } }),
    insert: () => records.insertOne({ _id: `${id}-${++inserted}`, ...record }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function echoed(rt: TestRuntime, stack: AsyncDisposableStack): Promise<NatsConnection> {
  const { busSeed } = await rt.keys("exec-mail");
  const script = join(import.meta.dirname, "echo.ts");
  const child = spawn(process.execPath, [script, rt.constellation.busUrl, busSeed, SUBJECT], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  stack.defer(() => {
    child.stdin.end();
  });
  await once(child.stdout, "data");
  return rt.raw("gateway");
}

/** The database of the local executor, opened as that executor does. */
export async function database(rt: TestRuntime, stack: AsyncDisposableStack): Promise<Db> {
  const file = join(rt.constellation.project.configsDir, "exec-local.json");
  const config = JSON.parse(await readFile(file, "utf8")) as { mongo: { url: string; db: string } };
  const { mongo } = await rt.keys("exec-local");
  const auth = { username: mongo?.user ?? "", password: mongo?.password ?? "" };
  const client = new MongoClient(config.mongo.url, {
    auth,
    authSource: config.mongo.db,
    writeConcern: { w: "majority", journal: true },
  });
  stack.defer(() => client.close());
  return (await client.connect()).db(config.mongo.db);
}
