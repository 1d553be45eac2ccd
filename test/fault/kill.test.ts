import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { AuditEntry } from "@bulkhead/schemas";
import { afterAll, beforeAll, expect, test } from "vitest";
import { COMPANY_YAML } from "../harness/company.ts";
import { type PostOffice, startPostOffice } from "../harness/post-office.ts";
import { eventually, startRuntime, type TestRuntime } from "../harness/runtime.ts";
import { verifies } from "../verifies.ts";

let rt: TestRuntime;
let post: PostOffice;

const PEOPLE = ["ann", "bea", "cas"];
const ENOUGH_MS = 150_000;

const mailOf = (name: string) => `From: ${name} <${name}@example.net>
To: office@example.org
Subject: Question of ${name}
Message-ID: <${name}@example.net>
Date: Mon, 02 Nov 2026 10:00:00 +0000

Hello, when are you open on Saturdays? Please answer. ${name}
`;

beforeAll(async () => {
  post = await startPostOffice();
  const mails = Object.fromEntries(PEOPLE.map((name) => [`${name}.eml`, mailOf(name)]));
  const yaml = COMPANY_YAML.replace("concurrency: 2", "concurrency: 8");
  rt = await startRuntime({ yaml, smtpPort: post.port, mails });
}, 90_000);

afterAll(async () => {
  await rt[Symbol.asyncDispose]();
  await post[Symbol.asyncDispose]();
});

const submit = async (text: string): Promise<string> => (await rt.ana.submit("inbox", { title: "A task", text })).task;

const marksOf = async (task: string): Promise<string[]> => {
  const file = join(rt.dir, "marks.txt");
  const lines = existsSync(file) ? (await readFile(file, "utf8")).split("\n") : [];
  return lines.filter((line) => line.startsWith(`${task}.`));
};

const effectsOf = async (task: string, tool: string): Promise<AuditEntry["event"][]> =>
  (await rt.entries(task)).filter((entry) => entry.tool === tool).map(({ event }) => event);

/** Somebody works on it: what is killed now is killed in the middle. */
const begun = (task: string) =>
  eventually(
    async () => ((await rt.ana.ask({ kind: "tasks.show", task })).task.state === "queued" ? undefined : true),
    { what: `${task} to begin`, withinMs: ENOUGH_MS },
  );

async function ended(task: string): Promise<void> {
  await eventually(
    async () => {
      const { state, code = "" } = (await rt.ana.ask({ kind: "tasks.show", task })).task;
      if (["failed", "dead", "cancelled"].includes(state)) throw new Error(`${task} is ${state} (${code})`);
      return state === "done" ? true : undefined;
    },
    { what: `${task} to be done`, withinMs: ENOUGH_MS },
  );
}

/** kill -9, and the supervisor has started another. */
async function kill(name: string): Promise<void> {
  const service = rt.constellation.services.find((each) => each.name === name);
  const pid = service?.pid();
  if (service === undefined || pid === undefined) throw new Error(`no process of ${name}`);
  process.kill(pid, "SIGKILL");
  await eventually(() => Promise.resolve(service.pid() !== pid || undefined), { what: `${name} to be started again` });
}

/** The ledger takes entries in their order: when it has the end of a new task, it has everything that was acknowledged before. */
async function recorded(): Promise<void> {
  const last = await submit("Mark the word last with mark.");
  await ended(last);
  const isWritten = async () => (await rt.entries(last)).find(({ event }) => event === "task.finished");
  await eventually(isWritten, { what: "the record of the last task", withinMs: ENOUGH_MS });
}

/** A person who approves whatever waits, as long as the test runs. */
function approving(): AsyncDisposable {
  const stop = new AbortController();
  const loop = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      const pending = await rt.ana.ask({ kind: "proposals.list", state: "pending" }).catch(() => undefined);
      for (const proposal of pending?.proposals ?? [])
        await rt.ana.decide(proposal, { outcome: "approve" }).catch(() => undefined);
      await sleep(200);
    }
  };
  const running = loop();
  return {
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await running;
    },
  };
}

verifies(
  ["S10", "DED-02", "DED-08"],
  "whoever is killed while tasks run, all tasks end, and no effect happens twice",
  async () => {
    await using stack = new AsyncDisposableStack();
    stack.use(approving());
    const names = rt.constellation.services.map(({ name }) => name);
    const sending = await submit("Read each mail in INBOX with mail-read, and ask to send an answer with mail-send.");
    const marking: string[] = [];
    for (const name of names) {
      const task = await submit(`Mark the word ${name} with mark.`);
      marking.push(task);
      await begun(task);
      await kill(name);
    }
    for (const task of [sending, ...marking]) await ended(task);
    await recorded();
    for (const task of marking) {
      const [marks, events] = [await marksOf(task), await effectsOf(task, "mark")];
      expect(marks.length).toBeLessThanOrEqual(1);
      expect(events.filter((event) => event === "effect.done").length).toBeLessThanOrEqual(1);
      if (marks.length === 0) expect(events).toContain("effect.unknown");
      else expect(events).toContain("effect.intent");
      if (events.includes("effect.done")) expect(marks).toHaveLength(1);
    }
    const { proposals } = await rt.ana.ask({ kind: "proposals.list" });
    const executed = proposals.filter(({ state }) => state === "executed").length;
    const unknown = proposals.filter(({ state }) => state === "unknown").length;
    expect(executed + unknown).toBe(PEOPLE.length);
    const effects = post.received.map((mail) => /^X-Bulkhead-Effect: (\S+)\r?$/m.exec(mail)?.[1]);
    expect(new Set(effects).size).toBe(effects.length);
    expect(effects.length).toBeGreaterThanOrEqual(executed);
    expect(effects.length).toBeLessThanOrEqual(executed + unknown);
    const verified = await eventually(() => rt.ana.ask({ kind: "ledger.verify" }), {
      what: "the chain to be verified",
    });
    expect(verified).toMatchObject({ ok: true });
  },
  ENOUGH_MS + 60_000,
);

test(
  "S2 S4: while the watchdog is suspended no effect runs and the caller is told why; then work goes on",
  async () => {
    const watchdog = rt.constellation.services.find(({ name }) => name === "watchdog")?.pid() ?? 0;
    process.kill(watchdog, "SIGSTOP");
    try {
      const task = await submit("Mark the word late with mark.");
      await eventually(
        async () => (await rt.entries(task)).find(({ tool, code }) => tool === "mark" && code === "control.stale"),
        { what: "the refusal", withinMs: 60_000 },
      );
      expect(await marksOf(task)).toEqual([]);
      process.kill(watchdog, "SIGCONT");
      await ended(task);
      expect(await marksOf(task)).toHaveLength(1);
    } finally {
      process.kill(watchdog, "SIGCONT");
    }
  },
  ENOUGH_MS,
);
