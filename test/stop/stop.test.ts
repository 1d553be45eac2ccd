import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { newId } from "@bulkhead/core";
import { changeControl, stopped } from "bulkhead";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { COMPANY_YAML } from "../harness/company.ts";
import { eventually, startRuntime, type TestRuntime } from "../harness/runtime.ts";
import { verifies } from "../verifies.ts";
import { bulkhead, startReplica, told } from "./cli.ts";

const WITHIN_MS = 2_000;
const BOOK = "Record the invoice 4711 with books-create.";
const LONG_MS = 120_000;
const SLOW_MARK = `import { appendFileSync } from "node:fs";
import { defineTool } from "@bulkhead/sdk";
import { z } from "zod";
export default defineTool({
  name: "mark", description: "Appends a word to the marks.", effects: ["state"], reads: [],
  input: z.strictObject({ word: z.string().max(40) }),
  run: async ({ word }, { callId }) => {
    await new Promise((resolve) => setTimeout(resolve, 150));
    appendFileSync("MARKS", callId + " " + Date.now() + "\\n");
    return { marked: word };
  },
});
`;

let rt: TestRuntime;
const stack = new AsyncDisposableStack();
beforeAll(async () => {
  const yaml = COMPANY_YAML.replace("concurrency: 2", "concurrency: 4")
    .replace("books-create: AUTO+", "books-create: AUTO+\n      ping: AUTO\n      mark: AUTO+")
    .replace("bob: {", "carl: { roles: [approver] }\n  bob: {");
  rt = stack.use(await startRuntime({ yaml, tools: { mark: SLOW_MARK } }));
  for (const [service, identity] of [
    ["gateway", "gateway"],
    ["gateway", "gateway"],
    ["watchdog", "watchdog"],
    ["tasks", "tasks"],
    ["agent", "host-inbox"],
    ["agent", "host-inbox"],
  ] as const)
    stack.use(await startReplica(rt.dir, service, identity));
}, 120_000);
afterEach(async () => {
  await bulkhead(rt.dir, ["resume", "--all"]);
});
afterAll(() => stack.disposeAsync());

interface Mark {
  readonly callId: string;
  readonly at: number;
}

async function marks(): Promise<Mark[]> {
  const file = join(rt.dir, "marks.txt");
  const lines = existsSync(file) ? (await readFile(file, "utf8")).trim().split("\n") : [];
  return lines.map((line) => ({ callId: line.split(" ")[0] ?? "", at: Number(line.split(" ")[1]) }));
}

const submit = async (agent: string, text: string): Promise<string> =>
  (await rt.ana.submit(agent, { title: "A task", text })).task;
const stateOf = async (task: string) => (await rt.ana.ask({ kind: "tasks.show", task })).task;
const ended = (task: string) =>
  eventually(async () => ((await stateOf(task)).state === "done" ? true : undefined), {
    what: `${task} to end`,
    withinMs: LONG_MS,
  });
const refusal = (task: string, tool: string) =>
  eventually(
    async () => (await rt.entries(task)).find((entry) => entry.event === "call.refused" && entry.tool === tool)?.code,
    { what: `${tool} of ${task} to be refused` },
  );
const resumeAll = async () => {
  expect(await bulkhead(rt.dir, ["resume", "--all"])).toMatchObject({ code: 0, err: "" });
};

verifies(
  ["TIER-09", "AIA-11", "S10"],
  "under load on several replicas a stop is obeyed and acknowledged by every one within 2 s; after the resume each task goes on, and nothing runs twice",
  async () => {
    const tasks = await Promise.all(
      Array.from({ length: 150 }, (_, n) => submit("inbox", `Mark the word w${n} with mark.`)),
    );
    await eventually(async () => ((await marks()).length >= 3 ? true : undefined), { what: "work to be done" });
    const { code, stop, acknowledged, missing } = await told(rt.dir, ["stop", "--reason", "a drill"]);
    expect([code, missing]).toEqual([0, []]);
    const count = (identity: string) => acknowledged.filter((one) => one.identity === identity).length;
    expect([count("gateway"), count("watchdog"), count("tasks"), count("host-inbox")]).toEqual([3, 2, 2, 3]);
    const slowest = Math.max(...acknowledged.map(({ ms }) => ms));
    process.stderr.write(`stop: ${acknowledged.length} points, the slowest after ${slowest} ms\n`);
    expect(slowest).toBeLessThan(WITHIN_MS);
    await sleep(Math.max(0, stop.at + WITHIN_MS - Date.now()));
    const before = await marks();
    expect(before.length).toBeLessThan(tasks.length);
    await sleep(1_500);
    expect(await marks()).toEqual(before);
    expect(Math.max(...before.map(({ at }) => at)) - stop.at).toBeLessThan(WITHIN_MS);
    const killed = (await Promise.all(tasks.map((task) => rt.entries(task)))).flat();
    expect(killed.filter(({ event, code }) => event === "worker.killed" && code === "control.stopped")).not.toEqual([]);
    await resumeAll();
    for (const task of tasks) await ended(task);
    const ids = (await marks()).map(({ callId }) => callId);
    expect(ids.sort()).toEqual(tasks.map((task) => `${task}.0.0`).sort());
  },
  LONG_MS,
);

test("TIER-09: each acknowledgement is in the record, with the time that it took (AIA-11)", async () => {
  const { stop } = await told(rt.dir, ["stop", "agent", "finance", "--yes"]);
  await resumeAll();
  const entries = await eventually(async () => {
    const found = (await rt.entries(stop.id)).filter(({ event }) => event === "control.changed");
    return found.filter(({ state }) => state === "resumed").length >= 15 ? found : undefined;
  });
  expect(entries[0]).toMatchObject({ agent: "finance", operator: "operator-ana", causes: [`stop:${stop.id}`] });
  expect(entries.every(({ latencyMs = Infinity }) => latencyMs < WITHIN_MS)).toBe(true);
});

verifies(
  "TIER-09",
  "a stop of one agent holds that agent, and nobody else",
  async () => {
    await told(rt.dir, ["stop", "agent", "inbox"]);
    const held = await submit("inbox", "Ping the number 1 with ping.");
    await ended(await submit("finance", "Mark the word free with mark."));
    expect((await stateOf(held)).state).toBe("queued");
    await resumeAll();
    await ended(held);
  },
  LONG_MS,
);

test.each([
  ["tool", "mark"],
  ["toolset", ""],
])(
  "TIER-09: a stop of a %s refuses its calls, and others go on",
  async (kind, named) => {
    await told(rt.dir, ["stop", kind, named || (rt.constellation.policy.tool("mark")?.toolset ?? "")]);
    const task = await submit("finance", "Mark the word no with mark.");
    expect(await refusal(task, "mark")).toBe("control.stopped");
    await ended(task);
    await ended(await submit("finance", BOOK));
    await resumeAll();
    expect((await marks()).filter(({ callId }) => callId.startsWith(task))).toEqual([]);
  },
  LONG_MS,
);

verifies(
  ["TIER-09", "S4"],
  "who may only look can neither stop nor resume, and a resume names what it lifts",
  async () => {
    const { stop } = await told(rt.dir, ["stop"]);
    expect(await bulkhead(rt.dir, ["stop", "--as", "bob"])).toMatchObject({ code: 3 });
    expect(await bulkhead(rt.dir, ["resume", stop.id, "--as", "bob"])).toMatchObject({ code: 3 });
    expect(await bulkhead(rt.dir, ["resume", "s-another"])).toMatchObject({ code: 3 });
    expect(await bulkhead(rt.dir, ["resume"])).toMatchObject({ code: 2 });
    const status = JSON.parse((await bulkhead(rt.dir, ["status", "--json"])).out) as { stops: { id: string }[] };
    expect(status.stops.map(({ id }) => id)).toEqual([stop.id]);
    await resumeAll();
  },
  LONG_MS,
);

test(
  "TIER-09: operators who stop at the same time do not overwrite each other",
  async () => {
    const carl = await rt.constellation.operator("carl");
    const stops = Array.from({ length: 6 }, (_, n) => {
      const scope = { kind: "agent" as const, name: n % 2 === 0 ? "inbox" : "finance" };
      return { id: newId("s"), scope, reason: "a test", at: Date.now() };
    });
    await Promise.all(
      stops.map((stop, n) => changeControl(n % 2 === 0 ? rt.ana : carl, "stop", (before) => stopped(before, stop))),
    );
    const status = JSON.parse((await bulkhead(rt.dir, ["status", "--json"])).out) as { stops: { id: string }[] };
    expect(status.stops.map(({ id }) => id).sort()).toEqual(stops.map(({ id }) => id).sort());
    await resumeAll();
  },
  LONG_MS,
);

verifies(
  "TIER-09",
  "a replica that hangs is reported as not acknowledged, the gate is closed all the same, and it obeys when it comes back",
  async () => {
    await using frozen = await startReplica(rt.dir, "gateway", "gateway");
    await sleep(1_500);
    frozen.child.kill("SIGSTOP");
    try {
      const { code, missing, acknowledged, stop } = await told(rt.dir, ["stop"]);
      expect(code).toBe(1);
      expect(missing).toEqual([{ identity: "gateway", instance: frozen.instance }]);
      expect(acknowledged.length).toBeGreaterThan(10);
      const before = await marks();
      const task = await submit("inbox", "Mark the word hung with mark.");
      await sleep(2_000);
      expect([(await stateOf(task)).state, await marks()]).toEqual(["queued", before]);
      frozen.child.kill("SIGCONT");
      await eventually(async () =>
        (await rt.entries(stop.id)).find(({ instance }) => instance === frozen.instance) === undefined
          ? undefined
          : true,
      );
      await resumeAll();
      await ended(task);
    } finally {
      frozen.child.kill("SIGCONT");
    }
  },
  LONG_MS,
);
