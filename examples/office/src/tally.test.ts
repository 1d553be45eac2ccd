import type { AuditEntry } from "@bulkhead/schemas";
import { expect, test } from "vitest";
import { countByTier, countByTool, EMPTY_TALLY, tally } from "./tally.ts";

let counter = 0;
function entry(about: Partial<AuditEntry> & Pick<AuditEntry, "event">): AuditEntry {
  counter += 1;
  return { v: 1, instance: "i", counter, at: 0, causes: [], agent: "inbox", ...about };
}
const call = (event: AuditEntry["event"], index: number, tool: string, about: Partial<AuditEntry> = {}): AuditEntry =>
  entry({ event, callId: `t-1.1.${index}`, tool, ...about });

test("a call is counted once, by what became of it in the end", () => {
  const run = tally(EMPTY_TALLY, [
    call("call.decided", 0, "mail-read", { tier: "AUTO" }),
    call("read.executed", 0, "mail-read"),
    call("read.executed", 0, "mail-read"),
    call("call.decided", 1, "mail-send", { tier: "AUTO+" }),
    call("proposal.opened", 1, "mail-send", { tier: "CONFIRM" }),
    call("call.refused", 2, "payments-transfer", { code: "tier.block" }),
  ]);
  expect(countByTool(run, "AUTO", "ran")).toEqual([["mail-read", 1]]);
  expect(countByTool(run, "CONFIRM", "asked")).toEqual([["mail-send", 1]]);
  expect(run.calls.get("t-1.1.2")?.code).toBe("tier.block");
  expect(countByTier(run).map(([, count]) => count)).toEqual([1, 0, 0, 1, 1]);
});

test("a refusal that has passed does not stand", () => {
  const stale = call("call.refused", 0, "mail-send", { code: "control.stale" });
  const run = tally(EMPTY_TALLY, [stale, call("proposal.opened", 0, "mail-send", { tier: "CONFIRM" })]);
  expect(run.calls.get("t-1.1.0")?.fate).toBe("asked");
});

test("records may come in any portions, and late ones do not undo an outcome", () => {
  const done = tally(EMPTY_TALLY, [call("effect.done", 0, "mail-send", { tier: "CONFIRM" })]);
  const later = tally(done, [call("call.decided", 0, "mail-send", { tier: "CONFIRM" })]);
  expect(later.calls.get("t-1.1.0")?.fate).toBe("ran");
});

test("model calls are summed from their settlement", () => {
  const settled = entry({ event: "model.settled", inputTokens: 100, outputTokens: 20, costMicros: 7 });
  const run = tally(EMPTY_TALLY, [entry({ event: "model.intent" }), settled, settled]);
  expect([run.modelCalls, run.tokens, run.costMicros]).toEqual([2, 240, 14]);
});
