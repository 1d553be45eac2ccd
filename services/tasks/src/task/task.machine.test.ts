import type { TaskDocument } from "@bulkhead/schemas";
import { getShortestPaths, getSimplePaths } from "@xstate/graph";
import { describe, expect, test } from "vitest";
import { advance, type TaskContext, type TaskEvent, taskMachine } from "./task.machine.ts";

const snapshot = {
  v: 1 as const,
  step: 1,
  state: "calling" as const,
  used: { inputTokens: 1, outputTokens: 1, calls: 1 },
  turns: [],
};

const EVENTS: readonly TaskEvent[] = [
  { type: "dispatched", host: "h1", at: 10, leaseUntil: 20 },
  { type: "saved", snapshot, leaseUntil: 30 },
  { type: "parked", snapshot, waitingFor: ["t-1.0.0"], at: 15 },
  { type: "decided", callId: "t-1.0.0", at: 18 },
  { type: "decided", callId: "t-1.0.9", at: 18 },
  { type: "finished", result: "c-01jz0000000000000000000000" },
  { type: "failed", code: "limits.steps" },
  { type: "released", code: "model.unreachable", retryAt: 40, maxAttempts: 2 },
  { type: "expired", at: 21, maxAttempts: 2 },
  { type: "cancelled" },
  { type: "resubmitted", at: 50 },
  { type: "givenBack", code: "control.stopped", at: 60 },
];

const task: TaskDocument = {
  ...{ _id: "t-1", agent: "inbox", title: "t", text: "c-01jz0000000000000000000000", attachments: [] },
  ...{ trusted: true, principal: "operator-ana", ceiling: "CONFIRM", depth: 0, labels: [], state: "queued" },
  ...{ digest: `sha256:${"0".repeat(64)}`, textDigest: `sha256:${"0".repeat(64)}` },
  ...{
    epoch: 0,
    leaseUntil: 0,
    attempts: 0,
    version: 0,
    snapshot: null,
    waitingFor: [],
    decided: [],
    cancelled: false,
  },
  ...{ createdAt: 1, updatedAt: 1, expires: new Date(1e12) },
};

const after = (...events: TaskEvent[]): TaskDocument =>
  events.reduce((document, event) => advance(document, event) ?? document, task);

const [dispatched, saved, parked, decided] = EVENTS as [TaskEvent, TaskEvent, TaskEvent, TaskEvent];
const [finished, failed, released, expired, cancelled] = EVENTS.slice(5) as [
  TaskEvent,
  TaskEvent,
  TaskEvent,
  TaskEvent,
  TaskEvent,
];

/** Two states are one if the same facts can still follow: counters are left out, so that the graph is finite. */
const traversal = {
  events: EVENTS,
  serializeState: ({ value, context }: { value: unknown; context: TaskContext }) =>
    JSON.stringify([
      value,
      context.cancelled,
      context.decided.length > 0,
      Math.min(context.attempts, 2),
      context.epoch > 0,
    ]),
  limit: 20_000,
};

describe("every path", () => {
  const all = getSimplePaths(taskMachine, {
    ...traversal,
    stopWhen: (state: { status: string }) => state.status === "done",
  });

  const paths = all
    .filter((_, index) => index % Math.ceil(all.length / 400) === 0)
    .concat(getShortestPaths(taskMachine, traversal));

  test("is walked with the persisted form in between, and ends in the same state", () => {
    expect(paths.length).toBeGreaterThan(50);
    for (const path of paths) {
      let document: TaskDocument = task;
      for (const { event } of path.steps) {
        if (event.type.startsWith("xstate.")) continue;
        const stored = JSON.parse(JSON.stringify(document)) as TaskDocument;
        document = advance(stored, event) ?? stored;
      }
      expect(document.state).toBe(path.state.value);
      expect(document.cancelled).toBe(path.state.context.cancelled);
    }
  });

  test("reaches every state, and from every state a final one", () => {
    const states = Object.keys(taskMachine.config.states ?? {});
    expect(new Set(paths.map((path) => path.state.value)).size).toBe(states.length);
    for (const state of states) {
      const fromState = taskMachine.resolveState({
        value: state,
        context: { ...after(), cancelled: false },
      });
      const reached = getShortestPaths(taskMachine, { ...traversal, fromState });
      expect(
        reached.some((path) => path.state.status === "done"),
        state,
      ).toBe(true);
    }
  });

  test("never makes the fencing epoch or the version smaller, and grows the epoch with every hand-out", () => {
    for (const path of paths) {
      let document: TaskDocument = task;
      for (const { event } of path.steps) {
        const next = advance(document, event);
        if (next === undefined) continue;
        expect(next.version).toBeGreaterThanOrEqual(document.version);
        expect(next.epoch - document.epoch).toBe(event.type === "dispatched" ? 1 : 0);
        document = next;
      }
    }
  });
});

describe("facts that matter", () => {
  test("a decision that comes before the park is not lost: there is nothing to wait for", () => {
    const decidedFirst = after(dispatched, decided);
    expect(advance(decidedFirst, parked)).toBeUndefined();
  });

  test("a decision that the task waits for wakes it; another is only remembered", () => {
    expect(after(dispatched, parked).state).toBe("parked");
    expect(after(dispatched, parked, decided)).toMatchObject({ state: "queued", waitingFor: [], decided: ["t-1.0.0"] });
    expect(after(dispatched, parked, { type: "decided", callId: "t-1.0.9", at: 1 }).state).toBe("parked");
  });

  test("failed attempts without progress end as a dead letter; progress starts the count again", () => {
    expect(after(dispatched, released).state).toBe("queued");
    expect(after(dispatched, released, dispatched, released)).toMatchObject({
      state: "dead",
      code: "model.unreachable",
    });
    expect(after(dispatched, expired, dispatched, expired)).toMatchObject({ state: "dead", code: "lease.expired" });
    expect(after(dispatched, released, dispatched, saved, released)).toMatchObject({ state: "queued", attempts: 1 });
  });

  test("a running task is cancelled at its next save, or when its host is gone", () => {
    expect(after(dispatched, cancelled)).toMatchObject({ state: "running", cancelled: true });
    expect(after(dispatched, cancelled, saved).state).toBe("cancelled");
    expect(after(dispatched, cancelled, expired).state).toBe("cancelled");
    expect(after(dispatched, cancelled, parked).state).toBe("cancelled");
    expect(after(cancelled).state).toBe("cancelled");
  });

  test("what is done stays done", () => {
    const done = after(dispatched, finished);
    expect(done).toMatchObject({ state: "done", result: "c-01jz0000000000000000000000" });
    expect("host" in done).toBe(false);
    for (const event of EVENTS) expect(advance(done, event)).toBeUndefined();
  });

  test("what failed can be resubmitted with its snapshot", () => {
    const failure = after(dispatched, saved, failed);
    expect(failure).toMatchObject({ state: "failed", code: "limits.steps" });
    const again = advance(failure, { type: "resubmitted", at: 50 });
    expect(again).toMatchObject({ state: "queued", attempts: 0, snapshot });
    expect(again && "code" in again).toBe(false);
  });
});
