import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { availableSandboxes, launch, type Sandbox, type SandboxOptions, WorkerProcess } from "@bulkhead/agent";
import { BulkheadError, systemClock } from "@bulkhead/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { verifies } from "../verifies.ts";
import * as hostile from "./hostile-code.ts";
import { descendantsOf, isAlive, type Outside, startOutside, until } from "./outside.ts";

const HOST = fileURLToPath(new URL("./mortal-host.ts", import.meta.url));
let outside: Outside;
const all: Outside = await startOutside();
const sandboxes = await availableSandboxes(all.dir);

interface Case {
  readonly name: string;
  readonly sandbox: Sandbox;
  readonly options: SandboxOptions;
}

/** Strong levels also without Node's permission model, as if it had a hole. */
const cases: Case[] = sandboxes.flatMap((sandbox) => {
  const { name, weak } = sandbox.level;
  const whole = { name, sandbox, options: sandbox.options };
  return weak
    ? [whole]
    : [whole, { ...whole, name: `${name} alone`, options: { ...sandbox.options, permission: false } }];
});

beforeAll(() => {
  outside = all;
});
afterAll(async () => {
  await all[Symbol.asyncDispose]();
});

async function hostileWorker(
  code: string,
  options: SandboxOptions,
): Promise<WorkerProcess & { readonly pid: number; said(): string[] }> {
  const child = launch(await outside.bundle(code), options);
  const worker = new WorkerProcess(child, systemClock);
  const lines: string[] = [];
  worker.read((line) => {
    lines.push(line.kind === "log" ? line.message : line.kind);
  });
  await until(() => lines.includes("ready"));
  return Object.assign(worker, { pid: child.pid, said: () => lines });
}

/** The innermost process: the hostile code itself. */
function innermost(pid: number): number {
  return descendantsOf(pid).at(-1) ?? pid;
}

test("the machine has a level that starts", () => {
  expect(sandboxes.map(({ level }) => level.name)).toContain("node");
});

describe.each(cases)("hostile code in a worker at level $name", ({ sandbox, options }) => {
  const { weak, ownUser } = sandbox.level;

  verifies(["S8", "ZT-11"], "it reaches no file, network, environment or process", async () => {
    await using victim = await hostileWorker(hostile.WAITS, options);
    const otherPid = innermost(victim.pid);
    outside.contacts.length = 0;
    await using worker = await hostileWorker(hostile.reachOut({ ...outside, hostPid: process.pid, otherPid }), options);
    await until(() => worker.said().includes("end"), 20_000);
    const said = worker.said().join("\n");
    expect(said).not.toContain(outside.secret);
    expect(said).not.toContain("root:x:0");
    expect(said).not.toMatch(/(hostEnvironment|otherMemory|otherFiles|write|shell|binding)=/);
    if (ownUser) expect(said).not.toContain("becomeRoot=");
    expect(environmentIn(said)).toEqual([]);
    expect(existsSync(outside.writeTo)).toBe(false);
    if (weak) expect(new Set(outside.contacts)).toEqual(new Set(["tcp", "udp", "unix"]));
    else expect(outside.contacts).toEqual([]);
    if (!weak || ownUser) expect(isAlive(otherPid)).toBe(true);
  });

  test("what it does not stop is said", () => {
    const gaps = sandbox.level.doesNotStop.join("\n");
    expect(gaps.includes("network")).toBe(weak);
    expect(gaps.includes("signals")).toBe(weak && !ownUser);
  });

  verifies("S8", "one endless line, or many, end it and cost the host little memory", async () => {
    const before = process.memoryUsage().rss;
    for (const code of [hostile.ONE_ENDLESS_LINE, hostile.MANY_LINES, hostile.MANY_REQUESTS]) {
      await using worker = await hostileWorker(code, options);
      expect((await worker.ended)?.code).toBe("worker.flood");
    }
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 * 1024);
  });

  verifies("S8", "it cannot name a task, an agent or a lease, nor speak otherwise than the contract", async () => {
    const call = { kind: "call", id: 1, step: 0, index: 0, tool: "mail-read", args: {} };
    const lines = [
      JSON.stringify({ ...call, task: "t-other" }),
      JSON.stringify({ ...call, callId: "t-other.0.0" }),
      JSON.stringify({ ...call, lease: {} }),
      JSON.stringify({ ...call, tool: "a.>" }),
      JSON.stringify({ ...call, step: -1 }),
      '{"kind":"call","id":1,"id":2,"step":0,"index":0,"tool":"mail-read","args":{}}',
      '{"kind":"call","id":1,"step":0,"index":0,"tool":"mail-read","args":{"__proto__":{}}}',
      `{"kind":"call","id":1,"step":0,"index":0,"tool":"mail-read","args":{"a":${"[".repeat(100)}${"]".repeat(100)}}}`,
      "no json",
      "",
    ];
    for (const line of lines) {
      await using worker = await hostileWorker(hostile.says(line), options);
      expect((await worker.ended)?.code, line).toBe("worker.protocol");
    }
  });

  verifies("S8", "it that never returns is killed", async () => {
    await using worker = await hostileWorker(hostile.NEVER_RETURNS, options);
    const pids = [worker.pid, ...descendantsOf(worker.pid)];
    worker.kill(new BulkheadError("limits.time"));
    expect((await worker.ended)?.code).toBe("limits.time");
    await until(() => !pids.some(isAlive));
  });

  verifies(["S8", "ZT-11"], "it that eats memory ends before the machine suffers", async () => {
    await using worker = await hostileWorker(hostile.EATS_MEMORY, options);
    const pid = innermost(worker.pid);
    let most = 0;
    const watch = setInterval(() => (most = Math.max(most, residentBytes(pid))), 20);
    await worker.ended;
    clearInterval(watch);
    expect(most).toBeLessThan(1_200 * 1024 * 1024);
  });

  verifies(["S8", "ZT-11"], "a fork bomb stays small and dies with it", async () => {
    await using worker = await hostileWorker(hostile.FORK_BOMB, options);
    let most = 0;
    const end = Date.now() + 1_500;
    await until(() => {
      most = Math.max(most, descendantsOf(worker.pid).length);
      return Date.now() > end;
    });
    const pids = descendantsOf(worker.pid);
    worker.kill(new BulkheadError("limits.time"));
    await worker.ended;
    await until(() => !pids.some(isAlive));
    expect(most).toBeLessThan(80);
  });

  verifies(["S8", "S10"], "it does not outlive its host, even if that is killed", async () => {
    const bundle = await outside.bundle(hostile.WAITS);
    const host = spawn(process.execPath, [HOST, bundle, JSON.stringify(options)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(host.stdout, "data");
    const pids = descendantsOf(host.pid ?? 0);
    expect(pids.length).toBeGreaterThan(0);
    host.kill("SIGKILL");
    await until(() => !pids.some(isAlive));
  });
});

function environmentIn(said: string): string[] {
  const names = Object.keys(JSON.parse(/^environment=(.*)$/m.exec(said)?.[1] ?? "{}") as object);
  return names.filter((name) => name !== "PWD");
}

function residentBytes(pid: number): number {
  try {
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
