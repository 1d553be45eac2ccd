import type { Sighting } from "@bulkhead/schemas";
import { describe, expect, test } from "vitest";
import type { Detector, View } from "./anomaly.ts";
import { bursts } from "./burst.ts";
import { looping } from "./looping.ts";
import { withoutOutcome } from "./outcome.ts";
import { sequences } from "./sequence.ts";
import { Beats } from "./silent.ts";
import { stuck } from "./stuck.ts";
import { Thresholds } from "./thresholds.ts";
import { unsigned } from "./unsigned.ts";
import { SightingWindow, sightingOf, WINDOW_MS } from "./window.ts";

const NOW = 100_000_000_000;
const MINUTE = 60_000;
let count = 0;
const seen = (event: string, agoMs: number, more: Partial<Sighting> = {}): Sighting => ({
  ...{
    id: `x-${(count += 1)}`,
    event,
    at: NOW - agoMs,
    agent: "inbox",
    task: "t",
    tool: "pay",
    callId: `t.${count}.0`,
  },
  ...more,
});
const policy = {
  tool: (name: string) => (name === "pay" ? { toolset: "bank", timeoutMs: 5_000 } : undefined),
} as unknown as View["policy"];
const find = (detector: Detector, window: Sighting[], thresholds: Partial<Thresholds> = {}) =>
  detector({ window, now: NOW, policy, thresholds: Thresholds.parse(thresholds) });
const calls = (many: number, agoMs: number, more: (n: number) => Partial<Sighting>) =>
  Array.from({ length: many }, (_, n) => seen("call.decided", agoMs, more(n)));
const digest = (n: number) => `sha256:${String(n).padEnd(64, "0")}`;

describe("PROP-15: what is found in the window", () => {
  test("a proposal that was released long ago, and no other", () => {
    const released = seen("proposal.released", 61_000, { proposal: "p-1" });
    expect(find(stuck, [released])).toMatchObject([{ about: { proposal: "p-1" } }]);
    expect(find(stuck, [seen("proposal.undoing", 61_000, { proposal: "p-2" })])).toHaveLength(1);
    expect(find(stuck, [released, seen("proposal.settled", 60_500, { proposal: "p-1" })])).toEqual([]);
    expect(find(stuck, [seen("proposal.released", 59_000, { proposal: "p-1" })])).toEqual([]);
    expect(find(stuck, [seen("proposal.opened", 61_000, { proposal: "p-1" })])).toEqual([]);
  });

  test("an intent without an outcome after its tool's deadline", () => {
    const late = seen("effect.intent", 35_001, { callId: "t.1.0" });
    expect(find(withoutOutcome, [late])).toMatchObject([{ key: "t.1.0" }]);
    expect(find(withoutOutcome, [seen("effect.intent", 34_999)])).toEqual([]);
    expect(find(withoutOutcome, [late, seen("effect.unknown", 1, { callId: "t.1.0" })])).toEqual([]);
  });

  test("an effect that this service never signed quarantines its tool set", () => {
    const begin = seen("call.decided", 60_000);
    const intent = seen("effect.intent", 16_000, { callId: "t.2.0" });
    expect(find(unsigned, [begin, intent])).toMatchObject([{ quarantine: { kind: "toolset", name: "bank" } }]);
    expect(find(unsigned, [begin, seen("review.signed", 17_000, { callId: "t.2.0" }), intent])).toEqual([]);
    expect(find(unsigned, [begin, seen("effect.intent", 14_000)])).toEqual([]);
    expect(find(unsigned, [intent])).toEqual([]);
  });

  test("a task that asks for the same again and again; ten times as often, its agent is quarantined", () => {
    const same = (many: number) => calls(many, 1_000, () => ({ digest: digest(1) }));
    expect(find(looping, same(9))).toEqual([]);
    expect(find(looping, same(10))).toMatchObject([{ code: "anomaly.loop", count: 10 }]);
    expect(find(looping, same(100)).at(-1)).toMatchObject({ quarantine: { kind: "agent", name: "inbox" } });
    expect(
      find(
        looping,
        calls(50, 1_000, (n) => ({ digest: digest(n) })),
      ),
    ).toEqual([]);
    expect(
      find(
        looping,
        calls(50, 1_000, (n) => ({ digest: digest(1), task: `t-${n}` })),
      ),
    ).toEqual([]);
    expect(
      find(
        looping,
        calls(50, 1_000, () => ({ digest: digest(1), callId: "t.0.0" })),
      ),
    ).toEqual([]);
    expect(
      find(
        looping,
        calls(50, 600_001, () => ({ digest: digest(1) })),
      ),
    ).toEqual([]);
  });

  test("a burst far above what was usual, where something is known of what is usual", () => {
    const before = (many: number) => calls(many, 30 * MINUTE, () => ({}));
    expect(find(bursts, [...before(29), ...calls(120, 1_000, () => ({}))])).toMatchObject([{ count: 120 }]);
    expect(find(bursts, [...before(29), ...calls(119, 1_000, () => ({}))])).toEqual([]);
    expect(find(bursts, [...before(3_000), ...calls(120, 1_000, () => ({}))])).toEqual([]);
    expect(
      find(
        bursts,
        calls(500, 1_000, () => ({})),
      ),
    ).toEqual([]);
  });

  test("an order of tools that is new for an agent, once it is known; never a quarantine", () => {
    const known = calls(4, 5_000, (n) => ({ task: `t-${Math.floor(n / 2)}`, tool: n % 2 ? "send" : "read" }));
    const odd = [
      seen("call.decided", 2, { task: "z", tool: "read" }),
      seen("call.decided", 1, { task: "z", tool: "pay" }),
    ];
    expect(find(sequences, [...known, ...odd], { learnCalls: 4 })).toEqual([
      expect.objectContaining({ code: "anomaly.sequence", key: "inbox.read.pay" }),
    ]);
    expect(find(sequences, [...known, ...odd], { learnCalls: 6 })).toEqual([]);
  });

  test("an instance that fell silent, once, and none that said that it ends", () => {
    const beats = new Beats();
    const beat = (instance: string) => ({ instance, revision: 0, stops: [], at: 0 });
    for (const name of ["gateway-1", "tasks-1", "ledger-1"]) beats.heard(beat(name), 0);
    beats.heard({ ...beat("tasks-1"), ends: true }, 1);
    beats.heard(beat("ledger-1"), 5_000);
    expect(beats.silent(10_000, 10_000)).toEqual([]);
    expect(beats.silent(10_001, 10_000)).toMatchObject([{ key: "gateway-1" }]);
    expect(beats.silent(10_002, 10_000)).toEqual([]);
  });
});

describe("the window", () => {
  test("holds each entry once, in the order of time, for a day", () => {
    const window = new SightingWindow();
    const [old, late, early] = [seen("call.decided", WINDOW_MS), seen("call.decided", 1), seen("call.decided", 2)];
    window.add([old, late]);
    window.add([early, late]);
    expect(window.view(NOW)).toEqual([early, late]);
    expect(window.view(NOW + WINDOW_MS)).toEqual([]);
  });

  test("remembers of an entry what detectors look at, and nothing of the watchdog's own reports", () => {
    const entry = {
      v: 1 as const,
      instance: "exec-a-1",
      counter: 7,
      at: 5,
      causes: ["task:t", "effect:e-1"],
      tool: "pay",
    };
    const kept = { id: "exec-a-1:7", event: "effect.intent", at: 5, tool: "pay", effect: "e-1" };
    expect(sightingOf({ ...entry, event: "effect.intent" })).toEqual(kept);
    expect(sightingOf({ ...entry, event: "watchdog.anomaly" })).toBeUndefined();
  });
});
