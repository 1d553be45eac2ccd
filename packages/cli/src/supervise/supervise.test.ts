import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startChild } from "./child.ts";
import { supervise } from "./supervisor.ts";

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "bulkhead-supervise-"));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

async function until(done: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 400; tries += 1) {
    if (await done()) return;
    await sleep(25);
  }
  throw new Error("it did not happen");
}

async function script(name: string, code: string) {
  const file = join(dir, `${name}.mjs`);
  await writeFile(file, code);
  return { name, script: file, configFile: join(dir, "config.json"), logFile: join(dir, `${name}.log`) };
}

const SERVICE = `console.log('{"ready":true}'); process.stdin.on("end", () => process.exit()).resume(); process.on("SIGTERM", () => process.exit());`;

test("a service that ends is started again until it is stopped", async () => {
  const ends: string[] = [];
  const service = await supervise(await script("steady", SERVICE), { restarted: (name) => ends.push(name) });
  const first = service.pid() ?? 0;
  process.kill(first, "SIGKILL");
  await until(() => service.pid() !== first && service.restarts() === 1);
  expect(ends).toEqual(["steady"]);
  await service.stop();
  await until(() => !isAlive(service.pid() ?? 0));
  expect(service.restarts()).toBe(1);
});

test("a service that does not start is named with the end of its log", async () => {
  const broken = await script("broken", `console.error("no policy"); process.exit(1);`);
  await expect(supervise(broken)).rejects.toThrow(/The service broken ended while starting: no policy/);
});

test("what ignores SIGTERM is killed with its group", async () => {
  const file = join(dir, "stubborn.mjs");
  await writeFile(file, `process.on("SIGTERM", () => {}); console.log("up"); setInterval(() => {}, 1000);`);
  const { promise: up, resolve } = Promise.withResolvers<string>();
  const child = startChild({
    command: process.execPath,
    args: [file],
    logFile: join(dir, "stubborn.log"),
    onLine: resolve,
  });
  await up;
  expect((await child.stop(100)).signal).toBe("SIGKILL");
});

test("nothing outlives a starter that is killed, not even what ignores its end", async () => {
  const deaf = join(dir, "deaf.mjs");
  const starter = join(dir, "starter.mjs");
  await writeFile(deaf, "setInterval(() => {}, 1000);");
  await writeFile(
    starter,
    `import { startChild } from ${JSON.stringify(join(import.meta.dirname, "child.ts"))};
     const child = startChild({ command: process.execPath, args: [${JSON.stringify(deaf)}], logFile: ${JSON.stringify(join(dir, "deaf.log"))} });
     console.log(child.pid);`,
  );
  const process2 = spawn(process.execPath, [starter], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = (await once(process2.stdout, "data")) as [Buffer];
  const pid = Number(line.toString());
  expect(isAlive(pid)).toBe(true);
  process2.kill("SIGKILL");
  await until(() => !isAlive(pid));
  expect(await readFile(join(dir, "deaf.log"), "utf8")).toBe("");
});
