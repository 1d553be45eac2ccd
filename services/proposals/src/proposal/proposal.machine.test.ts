import { ProposalMode, ProposalState } from "@bulkhead/schemas";
import { getSimplePaths } from "@xstate/graph";
import { describe, expect, it } from "vitest";
import {
  FINAL_STATES,
  INITIAL,
  next,
  PROPOSAL_EVENTS,
  type ProposalContext,
  proposalMachine,
} from "./proposal.machine.ts";

const STATES = ProposalState.options;
const EVENTS = PROPOSAL_EVENTS.map((type) => ({ type }));
const CONTEXTS: readonly ProposalContext[] = ProposalMode.options.flatMap((mode) =>
  [true, false].map((parks) => ({ parks, mode })),
);
const ask: ProposalContext = { parks: false, mode: "ask" };
/** What only a person can say, and what only time or a crash can do. */
const PEOPLE = ["approve", "agree", "edit", "undo"];

function reachable(from: ProposalState, context: ProposalContext, without: readonly string[] = []): Set<ProposalState> {
  const seen = new Set<ProposalState>([from]);
  for (const state of seen)
    for (const event of EVENTS.filter(({ type }) => !without.includes(type))) {
      const after = next(state, event, context);
      if (after !== undefined) seen.add(after.state);
    }
  return seen;
}

/** Every simple path of the machine from each of its beginnings, as states and events. */
function paths(context: ProposalContext) {
  const fromState = proposalMachine.resolveState({ value: INITIAL[context.mode], context });
  const serializeState = ({ value }: { value: unknown }) => String(value);
  return getSimplePaths(proposalMachine, { events: EVENTS as never, fromState, serializeState, input: context });
}

describe("proposal machine", () => {
  it("reaches every state, and a final one from every state", () => {
    const all = new Set(CONTEXTS.flatMap((context) => [...reachable(INITIAL[context.mode], context)]));
    expect([...all].sort()).toEqual([...STATES].sort());
    for (const state of STATES)
      for (const context of CONTEXTS)
        expect(
          FINAL_STATES.some((end) => reachable(state, context).has(end)),
          state,
        ).toBe(true);
  });

  it("walks every path: what ran was released, what was released was approved or proposed, what was undone ran", () => {
    let walked = 0;
    for (const context of CONTEXTS)
      for (const { steps } of paths(context)) {
        const taken: string[] = steps.map(({ event }) => event.type);
        const before = (type: string, other: string) => taken.slice(0, taken.indexOf(type)).includes(other);
        walked += 1;
        if (context.mode === "ask" && taken.includes("executed")) expect(before("executed", "approve")).toBe(true);
        if (context.mode === "hold" && taken.includes("executed"))
          expect(before("executed", "due") || before("executed", "approve")).toBe(true);
        if (taken.includes("undone")) expect(before("undone", "undo") && before("undo", "executed")).toBe(true);
        for (const stopping of ["deny", "cancel", "withdraw"])
          if (taken.includes(stopping)) expect(taken.slice(taken.indexOf(stopping) + 1)).not.toContain("executed");
        expect(taken.filter((type) => type === "executed").length).toBeLessThanOrEqual(1);
      }
    expect(walked).toBeGreaterThan(60);
  });

  it("PROP-05: is never approved by time, with any setting", () => {
    for (const parks of [true, false]) {
      const states = reachable("pending", { parks, mode: "ask" }, ["approve"]);
      for (const state of ["released", "window", "executed"] as const) expect(states.has(state)).toBe(false);
    }
  });

  it("PROP-05: what was raised while it was held needs a person from then on", () => {
    expect(next("released", { type: "raised" }, { parks: false, mode: "hold" })?.state).toBe("pending");
    expect(reachable("pending", { parks: false, mode: "hold" }, ["approve"]).has("released")).toBe(false);
  });

  it("stays where it ended, and tells on the way there", () => {
    for (const state of FINAL_STATES) for (const event of EVENTS) expect(next(state, event, ask)).toBeUndefined();
    for (const from of STATES)
      for (const event of EVENTS) {
        const after = next(from, event, ask);
        if (after !== undefined && FINAL_STATES.includes(after.state)) expect(after.effects).toEqual(["tell"]);
      }
  });

  it("PROP-04: takes a person's decision once", () => {
    expect(next("pending", { type: "approve" }, ask)).toEqual({ state: "released", effects: ["release"] });
    for (const state of STATES.filter((one) => one !== "pending"))
      for (const type of ["approve", "agree", "edit"] as const)
        expect(next(state, { type }, ask), state).toBeUndefined();
    for (const state of STATES.filter((one) => one !== "window"))
      expect(next(state, { type: "undo" }, ask), state).toBeUndefined();
  });

  it("ATT-021: undoes only what ran and was proposed with a way back, and once", () => {
    expect(reachable("released", ask).has("window")).toBe(false);
    expect(reachable("undoing", { parks: false, mode: "compensate" })).toEqual(
      new Set(["undoing", "undone", "undo-failed"]),
    );
  });

  it("is asked anew when the policy parks", () => {
    expect(next("pending", { type: "due" }, { parks: true, mode: "ask" })).toEqual({
      state: "pending",
      effects: ["renew"],
    });
    expect(next("pending", { type: "due" }, ask)).toEqual({ state: "expired", effects: ["tell"] });
  });

  it("PROP-17: knows no reserved events", () => {
    for (const type of ["xstate.init", "xstate.done.actor.approve", "xstate.stop", "xstate.error.actor.x"])
      for (const state of STATES) expect(next(state, { type } as never, ask)).toBeUndefined();
    expect(PEOPLE.every((type) => EVENTS.some((event) => event.type === type))).toBe(true);
  });
});
