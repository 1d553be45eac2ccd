import type { AgentDocument } from "@bulkhead/schemas";
import { getSimplePaths } from "@xstate/graph";
import { expect, test } from "vitest";
import { type AgentEvent, advanceAgent, agentMachine } from "./agent.machine.ts";

const absent: AgentDocument = { _id: "inbox", state: "absent", seenAt: 0, updatedAt: 1 };
const events: readonly AgentEvent[] = [
  { type: "asked", at: 5 },
  { type: "fellSilent" },
  { type: "stopped" },
  { type: "resumed" },
];

test("every path ends in the same state when the document is stored in between", () => {
  const paths = getSimplePaths(agentMachine, { events });
  expect(new Set(paths.map((path) => path.state.value))).toEqual(new Set(["absent", "serving", "silent", "stopped"]));
  for (const path of paths) {
    let document = absent;
    for (const { event } of path.steps) document = advanceAgent(document, event) ?? document;
    expect(document.state).toBe(path.state.value);
  }
});

test("a stop holds whatever hosts do, and only a resume lifts it", () => {
  const stopped = advanceAgent(absent, { type: "stopped" });
  expect(stopped?.state).toBe("stopped");
  if (stopped === undefined) return;
  const asked = advanceAgent(stopped, { type: "asked", at: 9 });
  expect(asked).toMatchObject({ state: "stopped", seenAt: 9 });
  expect(advanceAgent(stopped, { type: "fellSilent" })).toBeUndefined();
  expect(asked && advanceAgent(asked, { type: "resumed" })?.state).toBe("silent");
});
