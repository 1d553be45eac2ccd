import { appendFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Sighting } from "@bulkhead/schemas";
import { expect, test } from "vitest";
import type { View } from "../watch/anomaly.ts";
import { Thresholds } from "../watch/thresholds.ts";
import { compare } from "./compare.ts";
import { jsonlRecord } from "./jsonl.ts";

const NOW = 1_000_000;
const policy = {
  tool: (name: string) => ({
    toolset: name.startsWith("mail") ? "mail" : "other",
    effects: name === "mail-label" ? ["state"] : ["out"],
  }),
} as unknown as View["policy"];
const seen = (event: string, effect: string, agoMs = 60_000, tool = "mail-send"): Sighting => ({
  ...{ id: `${event}:${effect}`, event, effect, tool, at: NOW - agoMs, callId: "t.0.0" },
});
const compared = (outside: object[], window: Sighting[], begin = 0) =>
  compare(
    "mail",
    outside.map((one, n) => ({ effect: undefined, at: NOW - 60_000, place: `${n}`, ...one })),
    {
      ...{ window, now: NOW, policy, thresholds: Thresholds.parse({}), begin },
    },
  );
const codes = (...args: Parameters<typeof compared>) =>
  compared(...args).anomalies.map(({ code, key }) => `${code} ${key}`);

test("what both know is matched", () => {
  const both = compared([{ effect: "e-1" }], [seen("effect.intent", "e-1"), seen("effect.done", "e-1")]);
  expect(both).toEqual({ matched: ["e-1"], anomalies: [] });
});

test("PROP-15: what only the outside knows quarantines the tool set, once the difference has lasted", () => {
  expect(compared([{ effect: "e-2" }], []).anomalies).toMatchObject([
    { quarantine: { kind: "toolset", name: "mail" } },
  ]);
  expect(codes([{}, { effect: "No Id" }], [])).toEqual([
    "anomaly.outside-unknown mail.0",
    "anomaly.outside-unknown mail.No Id",
  ]);
  expect(codes([{ effect: "e-2", at: NOW - 1_000 }], [])).toEqual([]);
  expect(codes([{ effect: "e-2" }], [seen("effect.intent", "e-2", 60_000, "other-post")])).toHaveLength(1);
});

test("PROP-15: what was done and nobody outside saw is told, where both are known", () => {
  const done = seen("effect.done", "e-3");
  expect(compared([], [done]).anomalies).toMatchObject([{ code: "anomaly.outside-missing", about: { effect: "e-3" } }]);
  expect(compared([], [done]).anomalies[0]?.quarantine).toBeUndefined();
  expect(codes([], [done], NOW - 61_000)).toEqual([]);
  expect(codes([], [seen("effect.done", "e-3", 1_000), seen("effect.done", "e-4", 60_000, "mail-label")])).toEqual([]);
});

test("a file is read as it grows, whole lines only, and again when it was replaced", async () => {
  const dir = await mkdtemp(join(tmpdir(), "bulkhead-outside-"));
  const file = join(dir, "delivered.jsonl");
  const record = jsonlRecord({ toolset: "mail", file });
  const effects = async () => (await record.since(0)).map(({ effect }) => effect);
  expect(await effects()).toEqual([]);
  await writeFile(file, '{"effect":"e-1","at":5}\n{"effect":"e-2",');
  expect(await effects()).toEqual(["e-1"]);
  await appendFile(file, '"at":6}\nnonsense\n');
  expect(await effects()).toEqual(["e-1", "e-2", undefined]);
  expect(await record.since(6)).toHaveLength(2);
  await writeFile(file, '{"effect":"e-9","at":7}\n');
  expect(await effects()).toEqual(["e-9"]);
  await rm(dir, { recursive: true });
});
