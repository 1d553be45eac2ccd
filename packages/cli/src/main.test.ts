import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";

/** Each command is a process of its own, and this machine may have few cores. */
vi.setConfig({ testTimeout: 120_000, hookTimeout: 180_000 });

const run = promisify(execFile);
const BIN = join(import.meta.dirname, "..", "bin", "bulkhead.mjs");
let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "bulkhead-cli-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

interface Answered {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function bulkhead(...args: string[]): Promise<Answered> {
  return await bulkheadWith({}, ...args);
}

async function bulkheadWith(env: NodeJS.ProcessEnv, ...args: string[]): Promise<Answered> {
  return await run(process.execPath, [BIN, ...args], { cwd: root, env: { ...process.env, ...env } }).then(
    ({ stdout, stderr }) => ({ code: 0, out: stdout, err: stderr }),
    (error: unknown) => {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
      return { code, out: stdout, err: stderr };
    },
  );
}

const json = async (...args: string[]): Promise<unknown> => JSON.parse((await bulkhead(...args, "--json")).out);

test("every command explains itself with examples", async () => {
  const names = ["init", "check", "rehearse", "sign", "up", "approve", "deny", "status", "doctor"];
  const answers = await Promise.all(names.map((name) => bulkhead(name, "--help")));
  expect(answers.map(({ code, out }) => [code, out.includes("Examples:")])).toEqual(names.map(() => [0, true]));
});

test("a wrong command line and a missing project are told in one sentence, without a stack", async () => {
  expect(await bulkhead("chek")).toMatchObject({ code: 2, err: expect.stringContaining("check") as string });
  const nothing = await bulkhead("tasks", "--dir", "nowhere");
  expect(nothing.code).toBe(2);
  expect(nothing.err.trim().split("\n")).toHaveLength(1);
  expect(await bulkhead("deny", "p-1")).toMatchObject({ code: 2, err: expect.stringContaining("--reason") as string });
});

test("init leaves a model of the environment unsigned until somebody says what it costs", async () => {
  const { code, out } = await bulkheadWith({ OPENAI_BASE_URL: "https://models.example.org/v1" }, "init", "priced");
  expect([code, out]).toEqual([0, expect.stringContaining('Write "models: { small: {') as string]);
  expect(await bulkhead("tasks", "--dir", "priced")).toMatchObject({ code: 2 });
  expect((await bulkhead("sign", "priced")).code).toBe(0);
});

test("what is not signed is not started without somebody's yes", async () => {
  await bulkhead("init", "unsigned");
  const file = join(root, "unsigned", "bulkhead.yaml");
  await writeFile(file, (await readFile(file, "utf8")).replace("channel-post: CONFIRM", "channel-post: BLOCK"));
  const { code, err, out } = await bulkhead("up", "unsigned");
  expect([code, out.trim()]).toEqual([2, "~ agents.assistant.tools.channel-post.tier: CONFIRM → BLOCK"]);
  expect(err).toContain("not signed");
});

describe("a project, from init to Ctrl-C", () => {
  let up: ChildProcess;
  let submitLine: string;
  beforeAll(async () => {
    expect((await bulkhead("init", "shop")).code).toBe(0);
    up = spawn(process.execPath, [BIN, "up", "shop"], { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
    submitLine = await lineOf(up, "task submit");
  });
  afterAll(() => {
    if (up.exitCode === null) up.kill("SIGKILL");
  });

  test("up prints a line to copy, and it works as it is", async () => {
    const words = [...submitLine.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? "");
    const { code, out } = await bulkhead(...words.slice(2), "--wait");
    expect([code, out.split("\n")[0]]).toEqual([0, expect.stringMatching(/ (done|parked)$/)]);
  });

  test("a call that needs a person waits, is approved over exactly what was shown, and happens once", async () => {
    const text = 'Post "hello team" to the channel with channel-post.';
    const { task } = (await json("task", "submit", "assistant", text, "--wait", "--dir", "shop")) as {
      task: { id: string; state: string };
    };
    expect(task.state).toBe("parked");
    const [proposal] = (await json("proposals", "--dir", "shop")) as { id: string; action: { args: unknown } }[];
    expect(proposal?.action.args).toEqual({ text: "hello team" });
    expect(await json("approve", proposal?.id ?? "", "--dir", "shop")).toMatchObject({
      state: "executed",
      decidedBy: expect.stringContaining("owner") as string,
    });
    const posts = (await readFile(join(root, "shop", "channel.jsonl"), "utf8")).trim().split("\n");
    expect(posts.map((line) => (JSON.parse(line) as { text: string }).text)).toEqual(["hello team"]);
    expect((await bulkhead("approve", proposal?.id ?? "", "--dir", "shop")).code).toBe(3);
    const story = await bulkhead("audit", "show", task.id, "--dir", "shop");
    for (const part of ["was taken in", "asks for channel-post", "a person approved", "the effect happened"])
      expect(story.out).toContain(part);
    expect(await json("audit", "verify", "--dir", "shop")).toMatchObject({ ok: true });
  });

  test("a denied call never happens, and its code is a refusal", async () => {
    await json(
      "task",
      "submit",
      "assistant",
      'Post "second" to the channel with channel-post.',
      "--wait",
      "--dir",
      "shop",
    );
    const [proposal] = (await json("proposals", "--dir", "shop")) as { id: string }[];
    expect(await json("deny", proposal?.id ?? "", "--reason", "Not today.", "--dir", "shop")).toMatchObject({
      state: "denied",
      reason: "Not today.",
    });
    expect(await readFile(join(root, "shop", "channel.jsonl"), "utf8")).not.toContain("second");
  });

  test("status sees every service, and doctor finds no way out past the server's permissions", async () => {
    const { out: told } = await bulkhead("status", "--dir", "shop");
    expect(told).toMatch(/exec-local +up \(1\)/);
    expect(told).toMatch(/spend .*\n +t-[\w-]+ \(assistant\) {2}0\.\d+ EUR in \d+ model calls/);
    const found = (await json("doctor", "shop")) as { bus: { passed: unknown[] }[] };
    expect(found.bus.map(({ passed }) => passed)).toEqual([[]]);
  });

  test("Ctrl-C stops everything and leaves nothing behind", async () => {
    const children = await descendants(up.pid ?? 0);
    expect(children.length).toBeGreaterThan(8);
    up.kill("SIGINT");
    const [code] = (await once(up, "exit")) as [number];
    expect(code).toBe(0);
    await vi.waitFor(() => {
      expect(children.filter(isAlive)).toEqual([]);
    }, 5_000);
  });
});

async function lineOf(child: ChildProcess, part: string): Promise<string> {
  if (child.stdout === null) throw new Error("no output");
  for await (const line of createInterface({ input: child.stdout })) if (line.includes(part)) return line.trim();
  throw new Error(`up ended before it said: ${part}`);
}

async function descendants(pid: number): Promise<number[]> {
  const { stdout } = await run("ps", ["-e", "-o", "pid=,ppid=,args="]);
  const rows = stdout
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/));
  const below = (parent: number): number[] =>
    rows
      .filter(([, ppid, program]) => Number(ppid) === parent && program !== "ps")
      .flatMap(([child]) => [Number(child), ...below(Number(child))]);
  return below(pid);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
