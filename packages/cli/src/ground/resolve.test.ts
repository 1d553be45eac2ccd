import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { resolveGround, rustTwin } from "./resolve.ts";

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "bulkhead-ground-"));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function program(path: string, script: string): Promise<void> {
  await mkdir(join(path, ".."), { recursive: true });
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
}

test("a URL goes before everything", async () => {
  const ground = await resolveGround({
    env: { NATS_URL: "nats://127.0.0.1:1", MONGODB_URI: "mongodb://127.0.0.1:2", PATH: "" },
  });
  expect([ground.nats.from, ground.database.from]).toEqual(["NATS_URL", "MONGODB_URI"]);
});

test("then a program on PATH that is new enough, then the cache", async () => {
  const env = { PATH: [join(dir, "old"), join(dir, "new")].join(delimiter), XDG_CACHE_HOME: join(dir, "cache") };
  await program(join(dir, "new", "nats-server"), "echo nats-server: v2.12.0");
  await program(rustTwin(env), "exit 0");
  const ground = await resolveGround({ env });
  expect(ground).toEqual({
    nats: { kind: "nats-server", program: join(dir, "new", "nats-server"), from: "PATH" },
    database: { kind: "secantusd-rs", program: rustTwin(env), from: "the cache folder" },
  });
  await program(join(dir, "new", "mongod"), "exit 0");
  expect((await resolveGround({ env })).database).toMatchObject({ kind: "mongod", from: "PATH" });
});
