import { getShortestPaths } from "@xstate/graph";
import { describe, expect, test } from "vitest";
import { initialTransition, transition } from "xstate";
import { MAX_MISTAKES, type TurnEvent, type TurnInput, turnMachine } from "./turn.machine.ts";

const INPUT: TurnInput = { maxSteps: 3, maxTokens: 100, tokens: 0 };
const FINAL = ["finished", "failed", "parked", "cancelled"];

function after(events: readonly TurnEvent[], input: TurnInput = INPUT) {
  let [state] = initialTransition(turnMachine, input);
  for (const event of events) [state] = transition(turnMachine, state, event);
  return state;
}

const answered = (calls: number, tokens = 1, empty = false): TurnEvent => ({ type: "ANSWERED", calls, empty, tokens });
const settled = (status: "useful" | "mistaken" | "waiting"): TurnEvent => ({ type: "CALL_SETTLED", status });

describe("the turn machine", () => {
  test("thinks again once all parallel calls have settled", () => {
    expect(after([answered(2), settled("useful")]).value).toBe("calling");
    expect(after([answered(2), settled("useful"), settled("mistaken")]).value).toBe("thinking");
  });

  test("ends with an answer that asks for nothing", () => {
    expect(after([answered(0)]).value).toBe("finished");
  });

  test("parks only when nothing else is open, and goes on when a decision came in between", () => {
    const waiting = [answered(2), settled("waiting"), settled("useful")];
    expect(after(waiting.slice(0, 2)).value).toBe("calling");
    expect(after(waiting).value).toBe("parking");
    expect(after([...waiting, { type: "PARKED" }]).value).toBe("parked");
    const resumed = [...waiting, { type: "NOT_PARKED" } as const];
    expect(after(resumed).context.open).toBe(1);
    expect(after([...resumed, settled("useful")]).value).toBe("thinking");
  });

  test("ends at its limits", () => {
    const round = [answered(1), settled("useful")];
    expect(after([...round, ...round, ...round]).context.code).toBe("limits.steps");
    expect(after([answered(1, 101), settled("useful")]).context.code).toBe("limits.tokens");
    expect(after([], { ...INPUT, tokens: 101 }).value).toBe("failed");
  });

  test("gives up on a model that says nothing of use, and forgives one that recovers", () => {
    const wide = { ...INPUT, maxSteps: 100 };
    const mistake = [answered(1), settled("mistaken")];
    const mistakes = Array.from({ length: MAX_MISTAKES }, () => mistake).flat();
    expect(after(mistakes, wide).context.code).toBe("model.malformed");
    expect(after([answered(0, 1, true), answered(0, 1, true), answered(0, 1, true)], wide).context.code).toBe(
      "model.malformed",
    );
    expect(after([...mistake, ...mistake, answered(1), settled("useful"), ...mistake, ...mistake], wide).value).toBe(
      "thinking",
    );
  });

  test("a failure and a cancellation end it from everywhere, and a final state is reachable from every state", () => {
    const events: TurnEvent[] = [
      answered(1),
      answered(0),
      answered(0, 1, true),
      settled("useful"),
      settled("waiting"),
      { type: "PARKED" },
      { type: "NOT_PARKED" },
    ];
    const paths = getShortestPaths(turnMachine, { input: INPUT, events });
    const reached = new Set(paths.map(({ state }) => state.value as string));
    expect(reached).toEqual(new Set(["thinking", "calling", "parking", "parked", "finished", "failed"]));
    for (const { state } of paths.filter((path) => !FINAL.includes(path.state.value as string))) {
      expect(transition(turnMachine, state, { type: "FAILED", code: "x" })[0].value).toBe("failed");
      expect(transition(turnMachine, state, { type: "CANCELLED" })[0].value).toBe("cancelled");
    }
  });
});
