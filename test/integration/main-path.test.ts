import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { type PostOffice, startPostOffice } from "../harness/post-office.ts";
import { eventually, startRuntime, type TestRuntime } from "../harness/runtime.ts";
import { verifies } from "../verifies.ts";

let rt: TestRuntime;
let post: PostOffice;

const MAIL = `From: Bea <bea@example.net>
To: office@example.org
Subject: Question about the opening hours
Message-ID: <1@example.net>
Date: Mon, 02 Nov 2026 10:00:00 +0000

Hello, when are you open on Saturdays? Please answer. Bea
`;

beforeAll(async () => {
  post = await startPostOffice();
  rt = await startRuntime({ smtpPort: post.port, mails: { "1.eml": MAIL } });
}, 90_000);

afterAll(async () => {
  await rt[Symbol.asyncDispose]();
  await post[Symbol.asyncDispose]();
});

verifies("AUD-01", "a task becomes governed, recorded effects, and its story can be walked both ways", async () => {
  const task = await rt.run("inbox", "Mark the word hello with mark.");
  expect(await readFile(join(rt.dir, "marks.txt"), "utf8")).toContain(`${task}.`);
  const events = (await rt.entries(task)).map(({ event }) => event);
  for (const event of [
    "task.admitted",
    "task.dispatched",
    "model.intent",
    "model.settled",
    "call.decided",
    "review.signed",
    "effect.intent",
    "effect.done",
    "task.finished",
  ] as const) {
    expect(events).toContain(event);
  }
});

verifies("S3", "what a person approves is sent once, and what they deny is not", async () => {
  const task = await rt.run(
    "inbox",
    "List the mails with mail-list, read each mail with mail-read, and ask to send an answer with mail-send.",
    ["parked"],
  );
  const { proposals } = await rt.ana.ask({ kind: "proposals.list", state: "pending" });
  const proposal = proposals.find(({ action }) => action.task === task);
  expect(proposal?.tier).toBe("CONFIRM");
  expect(post.received).toEqual([]);
  if (proposal) await rt.ana.decide(proposal, "approve");
  await eventually(async () => (await rt.ana.ask({ kind: "tasks.show", task })).task.state === "done" || undefined, {
    what: "the task to end",
  });
  expect(post.received).toHaveLength(1);
});
