import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { deliver, pickMails } from "./mails.ts";

test("picks at least 40 real mails, each once, the same every time", () => {
  const mails = pickMails();
  expect(new Set(mails.map(({ id }) => id)).size).toBe(mails.length);
  expect(mails.length).toBeGreaterThanOrEqual(40);
  expect(pickMails()).toEqual(mails);
});

test("mixes ham, newsletters and spam, with money among all of them", () => {
  const mails = pickMails();
  const groups = new Set(mails.map(({ group }) => group));
  const money = new Set(mails.filter(({ aboutMoney }) => aboutMoney).map(({ group }) => group));
  expect(groups.size).toBe(5);
  expect(money).toEqual(groups);
});

test("delivers them as new mails of a maildir", async () => {
  const dir = await mkdtemp(join(tmpdir(), "bulkhead-office-"));
  const mails = pickMails();
  await deliver(dir, mails);
  expect((await readdir(dir)).sort()).toEqual(["cur", "new", "tmp"]);
  expect((await readdir(join(dir, "new"))).length).toBe(mails.length);
  await rm(dir, { recursive: true });
});
