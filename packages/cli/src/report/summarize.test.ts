import type { AuditEntry } from "@bulkhead/schemas";
import { expect, test } from "vitest";
import { describeReport } from "../output/report.ts";
import { paintFor } from "../output/terminal.ts";
import { summarize } from "./summarize.ts";

let counter = 0;
const entry = (fields: Partial<AuditEntry> & Pick<AuditEntry, "event">): AuditEntry => ({
  ...{ v: 1, instance: "gateway-00000001", counter: ++counter, at: 1_000, causes: [] },
  ...fields,
});
const observed = (callId: string, tool: string, state: string, reasons: string[] = []) =>
  entry({ event: "call.refused", agent: "inbox", tool, callId, code: "mode.observe", state, reasons });

test("a call counts once, however often it was asked, in the column of what it would have been", () => {
  const { rows } = summarize([
    observed("t-1.0.0", "mail-send", "propose", ["tier.declared", "label.a-out"]),
    observed("t-1.0.0", "mail-send", "propose", ["tier.declared", "label.a-out"]),
    observed("t-1.0.1", "mail-send", "allow"),
    observed("t-1.0.2", "mail-send", "deny", ["breaker.open"]),
    entry({ event: "call.refused", agent: "inbox", tool: "mail-send", callId: "t-2.0.0", code: "tier.block" }),
    entry({ event: "effect.done", agent: "inbox", tool: "mail-send", callId: "t-3.0.0" }),
    entry({
      event: "proposal.opened",
      agent: "inbox",
      tool: "mail-send",
      callId: "t-4.0.0",
      reasons: ["tier.declared"],
    }),
  ]);
  expect(rows).toEqual([
    {
      ...{ agent: "inbox", tool: "mail-send", ran: 1, asked: 1, blocked: 1, wouldRun: 1, wouldAsk: 1, wouldBlock: 1 },
      reasons: { "tier.declared": 2, "label.a-out": 1, "breaker.open": 1, "tier.block": 1 },
    },
  ]);
});

test("AIA-10: what people decided is counted by what they said", () => {
  const said = (event: AuditEntry["event"], proposal: string, operator = "operator-ana") =>
    entry({ event, proposal, operator });
  const { overrides } = summarize([
    said("proposal.approved", "p-1"),
    said("proposal.approved", "p-1", "operator-bob"),
    said("proposal.approved", "p-1"),
    said("proposal.denied", "p-2"),
    said("proposal.edited", "p-3"),
    said("proposal.cancelled", "p-4"),
    said("proposal.undone", "p-5"),
    said("proposal.expired", "p-6"),
  ]);
  expect(overrides).toEqual({ approved: 2, denied: 1, edited: 1, cancelled: 1, undone: 1 });
});

test("AIA-11: a drill says who obeyed, the slowest, and when the last effect of its scope was done", () => {
  const obeyed = (instance: string, state: string, at: number, latencyMs: number) =>
    entry({
      event: "control.changed",
      instance,
      state,
      at,
      latencyMs,
      agent: "inbox",
      operator: "operator-ana",
      causes: ["stop:s-1"],
    });
  const done = (agent: string, at: number) =>
    entry({ event: "effect.done", agent, tool: "mark", callId: `t-${at}.0.0`, at });
  const { drills } = summarize([
    done("inbox", 990),
    obeyed("gateway-00000001", "stopped", 1_020, 20),
    obeyed("host-inbox-00000001", "stopped", 1_150, 150),
    done("inbox", 1_100),
    done("finance", 1_900),
    obeyed("gateway-00000001", "resumed", 2_000, 10),
    done("inbox", 2_500),
  ]);
  expect(drills).toEqual([
    {
      ...{ stop: "s-1", about: "inbox", operator: "operator-ana", at: 1_000, points: 2, slowestMs: 150 },
      ...{ lastEffectMs: 100, resumedAt: 2_000 },
    },
  ]);
});

test("the page tells what would have been sent from what would have been changed", () => {
  const summary = summarize([observed("t-1.0.0", "mail-send", "allow"), observed("t-1.0.1", "mark", "allow")]);
  const context = { since: 0, until: 1, mode: "observe" as const, outward: new Set(["mail-send"]) };
  const page = describeReport(summary, context, paintFor({}));
  expect(page).toMatch(/inbox +mail-send +1 +0 +0 +0/);
  expect(page).toMatch(/inbox +mark +0 +1 +0 +0/);
});
