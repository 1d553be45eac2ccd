import { expect, test } from "vitest";
import { lifted, stopped } from "../control/change.ts";
import { describeSwitches } from "./control.ts";
import { describeAnswer, describeResult } from "./roll-call.ts";
import { paintFor } from "./terminal.ts";

const paint = paintFor({});
const acknowledged = [
  { identity: "gateway", instance: "gateway-0000000a", ms: 34 },
  { identity: "tasks", instance: "tasks-0000000b", ms: 7 },
];
const stop = { id: "s-1", scope: { kind: "agent" as const, name: "inbox" }, reason: "why\u001b[2J", at: 0 };

test("who obeys is shown with the time, and the end says how many and the slowest", () => {
  expect(acknowledged.map((one) => describeAnswer(one, paint))[0]).toMatch(/✓ gateway-0000000a +0\.034 s/);
  expect(describeResult({ acknowledged, missing: [] }, 5_000, paint)).toBe(
    "2 of 2 acknowledged, the slowest after 0.034 s.",
  );
});

test("who does not answer is named loudly", () => {
  const missing = [{ identity: "gateway", instance: "gateway-0000000c" }, { identity: "models" }];
  const said = describeResult({ acknowledged, missing }, 5_000, paint);
  expect(said).toContain("NOT ACKNOWLEDGED within 5.000 s (2 of 4 acknowledged)");
  expect(said).toMatch(/✗ gateway-0000000c +was heard lately and does not answer/);
  expect(said).toMatch(/✗ models +is not heard/);
});

test("INJ-18: status shows what is stopped, with its reason escaped, and what cannot be believed", () => {
  const none = { mode: "enforce" as const, stops: [], alsoObeyed: [], revoked: [], doubtful: [], fresh: true };
  expect(describeSwitches(none, paint).split("\n")).toEqual(["stops     none", "mode      enforce"]);
  const all = {
    ...none,
    mode: "observe" as const,
    stops: [stop],
    alsoObeyed: ["s-2"],
    revoked: ["bob"],
    doubtful: ["mode"],
    fresh: false,
  };
  const said = describeSwitches(all, paint);
  for (const part of [
    "2 in force",
    "the agent inbox",
    "s-2",
    "revoked   bob",
    "mode cannot be verified",
    "no effect runs",
  ])
    expect(said).toContain(part);
  expect(said).not.toContain("\u001b");
});

test("S4: a resume names what it lifts, and what was lifted before, so that whoever has missed a value still finds each name", () => {
  const both = stopped(stopped(undefined, stop), { ...stop, id: "s-2" });
  const one = lifted(both, ["s-1"]);
  expect(one).toMatchObject({ stops: [{ id: "s-2" }], lifts: ["s-1"] });
  expect(lifted(one, ["s-2"])).toMatchObject({ stops: [], lifts: ["s-1", "s-2"] });
  expect(stopped(one, { ...stop, id: "s-3" }).lifts).toEqual(["s-1"]);
});
