import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { type PostOffice, startPostOffice } from "../harness/post-office.ts";
import { eventually, startRuntime, type TestRuntime } from "../harness/runtime.ts";
import { verifies } from "../verifies.ts";
import { bulkhead, told } from "./cli.ts";

const MAIL = `From: Bea <bea@example.net>
To: office@example.org
Subject: Question about the opening hours
Message-ID: <1@example.net>
Date: Mon, 02 Nov 2026 10:00:00 +0000

Hello, when are you open on Saturdays? Please answer. Bea
`;
const ASK = "Read each mail in INBOX with mail-read, and ask to send an answer with mail-send.";

let rt: TestRuntime;
let post: PostOffice;
beforeAll(async () => {
  post = await startPostOffice();
  rt = await startRuntime({ smtpPort: post.port, mails: { "1.eml": MAIL } });
}, 90_000);
afterAll(async () => {
  await rt[Symbol.asyncDispose]();
  await post[Symbol.asyncDispose]();
});

interface Report {
  readonly mode: string;
  readonly rows: readonly Record<string, unknown>[];
  readonly overrides: Record<string, number>;
  readonly drills: readonly { readonly stop: string; readonly points: number; readonly slowestMs: number }[];
}

verifies(
  ["AIA-10", "AIA-11"],
  "while it observes nothing runs and approving is dead, and the report says what would have run, been asked and been blocked",
  async () => {
    const waiting = await rt.run("inbox", ASK, ["parked"]);
    const { proposals } = await rt.ana.ask({ kind: "proposals.list", state: "pending" });
    const proposal = proposals.find(({ action }) => action.task === waiting)?.id ?? "";
    const mode = await bulkhead(rt.dir, ["mode", "observe", "--json"]);
    expect(mode).toMatchObject({ code: 0 });
    expect(JSON.parse(mode.out)).toMatchObject({ missing: [] });

    await rt.run("inbox", "Mark the word seen with mark.");
    await rt.run("inbox", ASK);
    expect(existsSync(join(rt.dir, "marks.txt"))).toBe(false);
    const approved = await bulkhead(rt.dir, ["approve", proposal, "--yes"]);
    expect(approved).toMatchObject({ code: 3, err: expect.stringContaining("observe") as string });
    expect(post.received).toEqual([]);

    const { stop } = await told(rt.dir, ["stop"]);
    await bulkhead(rt.dir, ["resume", "--all"]);
    await bulkhead(rt.dir, ["mode", "enforce"]);
    await bulkhead(rt.dir, ["deny", proposal, "--reason", "a test"]);
    await rt.run("inbox", "Mark the word done with mark.");
    const report = await eventually(async () => {
      const read = JSON.parse((await bulkhead(rt.dir, ["report", "--since", "1h", "--json"])).out) as Report;
      return read.rows.some((row) => row["tool"] === "mark" && row["ran"] === 1) ? read : undefined;
    });
    expect(report).toMatchObject({ mode: "enforce", overrides: { approved: 0, denied: 1 } });
    const row = (tool: string) => report.rows.find((one) => one["tool"] === tool);
    expect(row("mark")).toMatchObject({ ran: 1, wouldRun: 1, wouldAsk: 0 });
    expect(row("mail-send")).toMatchObject({ ran: 0, asked: 1, wouldRun: 0, wouldAsk: 1 });
    expect(report.drills).toMatchObject([{ stop: stop.id, about: "all", lastEffectMs: 0 }]);
    expect(report.drills[0]?.points).toBeGreaterThan(8);
    const page = (await bulkhead(rt.dir, ["report"])).out;
    expect(page).toContain("What would have happened");
    expect(page.split("\n").length).toBeLessThan(60);
  },
  180_000,
);
