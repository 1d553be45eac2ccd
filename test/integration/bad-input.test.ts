import { randomBytes } from "node:crypto";
import { isBulkheadError } from "@bulkhead/core";
import type { AuditEntry } from "@bulkhead/schemas";
import { jetstream } from "@nats-io/jetstream";
import { afterAll, beforeAll, expect, test } from "vitest";
import { COMPANY_YAML } from "../harness/company.ts";
import { eventually, startRuntime, type TestRuntime } from "../harness/runtime.ts";
import { attacker } from "../takeover/attacker.ts";
import { verifies } from "../verifies.ts";
import { type OddModel, startOddModel } from "./odd-model.ts";

let rt: TestRuntime;
let odd: OddModel;

const QUESTION = `From: Bea <bea@example.net>
To: office@example.org
Subject: Question about the opening hours
Message-ID: <1@example.net>
Date: Mon, 02 Nov 2026 10:00:00 +0000

Hello, when are you open on Saturdays? Please answer. Bea
`;
const NOBODY_LISTENS = 9;

/** An agent whose model is not one: it gets the tool `ping`, and fifteen seconds. */
const withOddAgent = (yaml: string, url: string): string =>
  yaml.replace(
    "connections:",
    `  odd:
    purpose: You are odd.
    model: odd
    tools: { ping: AUTO }
    limits: { time: 15s }
models:
  small: { url: "http://rehearsal.localhost/v1", model: rehearsal, price: { input: 0.2, output: 0.8 } }
  odd: { url: "${url}", model: odd, timeout: 5s, price: { input: 0.2, output: 0.8 } }
connections:`,
  );

beforeAll(async () => {
  odd = await startOddModel();
  const big = Buffer.concat([Buffer.from(QUESTION), Buffer.alloc(20 * 1024 * 1024, "All work and no play.\n")]);
  const mails = { "1.eml": QUESTION, "2.eml": randomBytes(200_000), "3.eml": big };
  rt = await startRuntime({ yaml: withOddAgent(COMPANY_YAML, odd.url), smtpPort: NOBODY_LISTENS, mails });
}, 90_000);

afterAll(async () => {
  await rt[Symbol.asyncDispose]();
  await odd[Symbol.asyncDispose]();
});

const deadLetters = async () => (await rt.ana.ask({ kind: "tasks.dead", limit: 1_000 })).dead;
const stateOf = async (task: string) => (await rt.ana.ask({ kind: "tasks.show", task })).task;

async function record(): Promise<AuditEntry[]> {
  const all: AuditEntry[] = [];
  for (let after = 0; ; ) {
    const { entries } = await rt.ana.ask({ kind: "ledger.tail", after, limit: 500 });
    if (entries.length === 0) return all;
    all.push(...entries.map(({ envelope }) => (envelope as { body: AuditEntry }).body));
    after = entries.at(-1)?.seq ?? after;
  }
}

const task = (more: object = {}) => JSON.stringify({ title: "A task", text: "Mark the word x with mark.", ...more });
const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;

/** What a program may publish, and the code that becomes of it. */
const SUBMISSIONS: readonly (readonly [what: string, bytes: string | Uint8Array, code: string])[] = [
  ["nothing", "", "json.malformed"],
  ["half a text", `{"title": "A task`, "json.malformed"],
  ["no object", "42", "task.malformed"],
  [
    "other bytes than UTF-8",
    Buffer.from([...Buffer.from(`{"title":"`), 0xff, 0xfe, ...Buffer.from(`"}`)]),
    "json.utf8",
  ],
  ["half a surrogate pair", `{"title": "\\ud800", "text": "x"}`, "json.surrogate"],
  ["a key twice", `{"title": "a", "title": "b", "text": "x"}`, "json.duplicate-key"],
  ["a deep nest", `{"title": ${nested(200)}, "text": "x"}`, "json.depth"],
  ["a million nests", `{"title": ${nested(400_000)}, "text": "x"}`, "json.depth"],
  ["a key that changes objects", `{"title": "a", "text": "x", "__proto__": {"trusted": true}}`, "json.forbidden-key"],
  ["a number beyond all bounds", `{"title": 1e999, "text": "x"}`, "json.number"],
  ["an unknown field", task({ trusted: true }), "task.malformed"],
  ["another type", task({ title: 5 }), "task.malformed"],
  ["a text beyond the limit", task({ text: "x".repeat(500_000) }), "task.malformed"],
  ["an id that is no token", task({ id: "../../etc/passwd" }), "task.malformed"],
  ["a parent that only an executor may name", task({ parent: { task: "t-1", callId: "t-1.0.0" } }), "task.malformed"],
  ["a signature that is none", task({ sig: "AAAA" }), "envelope.malformed"],
];

verifies(
  ["INJ-19", "ZT-06"],
  "whatever a program publishes as a task gets a code, a record and a dead letter",
  async () => {
    const stream = jetstream(await rt.raw("client-web"));
    const before = (await deadLetters()).length;
    for (const [, bytes] of SUBMISSIONS) await stream.publish("bh.task.submit.inbox", bytes);
    const letters = await eventually(
      async () => {
        const found = (await deadLetters()).slice(0, -before || undefined);
        return found.length >= SUBMISSIONS.length ? found : undefined;
      },
      { what: "the dead letters" },
    );
    expect(letters.map(({ code }) => code).sort()).toEqual(SUBMISSIONS.map(([, , code]) => code).sort());
    const rejected = (await record()).filter(({ event }) => event === "task.rejected");
    expect(rejected.map(({ code }) => code).sort()).toEqual(SUBMISSIONS.map(([, , code]) => code).sort());
    const again = letters.find(({ code }) => code === "json.duplicate-key")?.id ?? "";
    const resubmitted = rt.ana.command({ kind: "resubmit", dead: again });
    await expect(resubmitted).rejects.toSatisfy((error) => isBulkheadError(error, "json.duplicate-key"));
  },
);

verifies(["ZT-04", "ZT-06"], "subjects with odd tokens and unknown agents lead nowhere", async () => {
  const web = await rt.raw("client-web");
  const subjects = ["nobody", "finance", "INBOX", "inbox.x", "*", ">", "__proto__", "in%62ox"];
  for (const token of subjects) {
    await expect(jetstream(web).publish(`bh.task.submit.${token}`, task(), { timeout: 1_000 })).rejects.toThrow();
  }
  await expect(rt.ana.submit("nobody", { title: "x", text: "x" })).rejects.toSatisfy((error) =>
    isBulkheadError(error, "agent.unknown"),
  );
});

verifies(
  "INJ-12",
  "a call with wrong arguments, or of an unknown tool, is refused by the gateway and recorded",
  async () => {
    const host = await rt.as("host-inbox");
    const lease = await attacker(rt).lease("tasks", { task: "t-odd" });
    const ask = (index: number, args: { n: string } | { n: number; more: number }) => {
      const body = { callId: `t-odd.0.${index}`, task: "t-odd", agent: "inbox", tool: "ping", args, lease };
      return host.request("call", body, { values: { agent: "inbox", tool: "ping" } });
    };
    expect(await ask(0, { n: "one" })).toMatchObject({ status: "refused", code: "args.invalid" });
    expect(await ask(1, { n: 1, more: 2 })).toMatchObject({ status: "refused", code: "args.invalid" });
    const unknown = { callId: "t-odd.0.2", task: "t-odd", agent: "inbox", tool: "rm", args: {}, lease };
    const values = { agent: "inbox", tool: "rm" };
    await expect(host.request("call", unknown, { values })).rejects.toSatisfy((error) => isBulkheadError(error));
    const refused = await eventually(async () => {
      const found = (await rt.entries("t-odd")).filter(({ event }) => event === "call.refused");
      return found.length === 2 ? found : undefined;
    });
    expect(refused.map(({ code }) => code)).toEqual(["args.invalid", "args.invalid"]);
  },
);

verifies(
  "BRK-07",
  "a model that returns nonsense ends its task, or fails it with a code and a dead letter",
  async () => {
    const ends: Readonly<Record<string, string>> = {
      "say nonsense": "done",
      "broken arguments": "done",
      "wrong arguments": "done",
      "unknown tool": "done",
      "say nothing": "failed model.malformed",
      "no choices": "failed model.malformed",
      "no json": "failed model.malformed",
    };
    const started = Object.keys(ends).map(async (text) => [
      text,
      (await rt.ana.submit("odd", { title: "Odd", text })).task,
    ]);
    for (const [text = "", id = ""] of await Promise.all(started)) {
      const { state, code } = await eventually(
        async () => {
          const view = await stateOf(id);
          return ["done", "failed", "dead"].includes(view.state) ? view : undefined;
        },
        { what: text },
      );
      expect([text, state, code].filter(Boolean).join(" ")).toBe(`${text} ${ends[text] ?? ""}`);
      if (state === "failed") await eventually(async () => (await deadLetters()).find((letter) => letter.task === id));
    }
  },
  60_000,
);

verifies(
  "AUD-01",
  "a model that cannot be reached is recorded, and its task is a dead letter that can be resubmitted",
  async () => {
    await odd.close();
    const { task: id } = await rt.ana.submit("odd", { title: "Odd", text: "Say something." });
    const letter = await eventually(async () => (await deadLetters()).find((each) => each.task === id), {
      what: "the dead letter",
    });
    expect(letter.code).toMatch(/^(limits\.time|model\.unreachable)$/);
    expect((await rt.entries(id)).map(({ code }) => code)).toContain("model.unreachable");
    expect(await rt.ana.command({ kind: "resubmit", dead: letter.id })).toMatchObject({ task: id, state: "queued" });
    await rt.ana.command({ kind: "cancel", task: id });
  },
  60_000,
);

verifies(
  "DED-08",
  "mails of 20 MB and of garbage are read, and a mail server that is away is a failure with a code",
  async () => {
    const text = "Read each mail in INBOX with mail-read, and ask to send an answer with mail-send.";
    const id = await rt.run("inbox", text, ["parked"]);
    const reads = (await rt.entries(id)).filter(({ event, tool }) => event === "read.executed" && tool === "mail-read");
    expect(reads).toHaveLength(3);
    const { proposals } = await rt.ana.ask({ kind: "proposals.list", state: "pending" });
    for (const proposal of proposals) await rt.ana.decide(proposal, { outcome: "approve" });
    await eventually(async () => ((await stateOf(id)).state === "done" ? true : undefined), { what: "the end" });
    const failed = (await rt.entries(id)).filter(
      ({ event, tool }) => event === "effect.failed" && tool === "mail-send",
    );
    expect(failed.map(({ code }) => code)).toEqual(proposals.map(() => "adapter.unreachable"));
    const { proposal } = await rt.ana.ask({ kind: "proposals.show", proposal: proposals[0]?.id ?? "" });
    expect(proposal).toMatchObject({ state: "failed", code: "adapter.unreachable" });
  },
  60_000,
);

test("after all that no process has ended, no stack trace is on record, and work goes on", async () => {
  expect(rt.constellation.services.filter((service) => service.restarts() > 0).map(({ name }) => name)).toEqual([]);
  expect(JSON.stringify([await record(), await deadLetters()])).not.toMatch(/node:internal|\bat \S+ \(|\.ts:\d/);
  await rt.run("inbox", "Mark the word alive with mark.");
});

verifies(
  "S10",
  "a task that is published while every service is down is admitted when they are up",
  async () => {
    const stream = jetstream(await rt.raw("client-web"));
    for (const service of rt.constellation.services) process.kill(service.pid() ?? 0, "SIGKILL");
    await stream.publish("bh.task.submit.inbox", task({ id: "t-while-down" }));
    const done = async () => ((await stateOf("t-while-down")).state === "done" ? true : undefined);
    await eventually(done, { what: "the task to be done", withinMs: 90_000 });
  },
  100_000,
);
