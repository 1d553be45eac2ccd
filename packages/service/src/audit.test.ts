import { manualClock } from "@bulkhead/core";
import type { AuditEntry } from "@bulkhead/schemas";
import { expect, test } from "vitest";
import { auditWriter } from "./audit.ts";

test("counters are gapless, and an entry that was refused is sent again with the same counter", async () => {
  const stored: AuditEntry[] = [];
  let failures = 2;
  const publish = async (entry: AuditEntry): Promise<void> => {
    await Promise.resolve();
    if (failures-- > 0) throw new Error("no stream");
    stored.push(entry);
  };
  const audit = auditWriter({
    instance: "gateway-1",
    clock: manualClock(),
    signal: new AbortController().signal,
    publish,
  });
  await Promise.all([
    audit.record("call.decided", { task: "t-1" }),
    audit.record("effect.intent", { task: "t-1", causes: ["call:t-1.0.0"] }),
  ]);
  expect(stored.map((entry) => entry.counter).sort()).toEqual([1, 2]);
});

test("AUD-10, S1: record rejects when nothing acknowledges, so that no effect follows", {
  timeout: 10_000,
}, async () => {
  const ending = new AbortController();
  const audit = auditWriter({
    instance: "gateway-1",
    clock: manualClock(),
    signal: ending.signal,
    publish: () => Promise.reject(new Error("no stream")),
  });
  await expect(audit.record("effect.intent", {})).rejects.toMatchObject({ code: "audit.unavailable" });
  ending.abort();
});
