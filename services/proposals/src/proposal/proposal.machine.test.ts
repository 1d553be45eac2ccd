import { ProposalState } from "@bulkhead/schemas";
import { describe, expect, it } from "vitest";
import { FINAL_STATES, next, type ProposalEvent } from "./proposal.machine.ts";

const STATES = ProposalState.options;
const EVENTS: readonly ProposalEvent["type"][] = ["approve", "deny", "due", "release", "executed", "failed", "unknown"];
const deny = { parks: false };

function reachable(
  from: ProposalState,
  options: { parks: boolean },
  without: readonly string[] = [],
): ReadonlySet<ProposalState> {
  const seen = new Set<ProposalState>([from]);
  for (const state of seen)
    for (const type of EVENTS.filter((event) => !without.includes(event))) {
      const after = next(state, { type }, options);
      if (after !== undefined) seen.add(after.state);
    }
  return seen;
}

describe("proposal machine", () => {
  it("reaches every state, and a final one from every state", () => {
    expect([...reachable("pending", deny)].sort()).toEqual([...STATES].sort());
    for (const state of STATES)
      expect(
        FINAL_STATES.some((end) => reachable(state, deny).has(end)),
        state,
      ).toBe(true);
  });

  it("PROP-05: is never approved by time, with any setting", () => {
    for (const parks of [true, false]) {
      const states = reachable("pending", { parks }, ["approve"]);
      for (const state of ["approved", "released", "executed"] as const) expect(states.has(state)).toBe(false);
    }
  });

  it("stays where it ended, and tells on the way there", () => {
    for (const state of FINAL_STATES) for (const type of EVENTS) expect(next(state, { type }, deny)).toBeUndefined();
    for (const from of STATES)
      for (const type of EVENTS) {
        const after = next(from, { type }, deny);
        if (after !== undefined && FINAL_STATES.includes(after.state)) expect(after.effects).toEqual(["tell"]);
      }
  });

  it("PROP-04: takes a decision once", () => {
    expect(next("pending", { type: "approve" }, deny)).toEqual({ state: "approved", effects: ["release"] });
    for (const state of STATES.filter((one) => one !== "pending"))
      for (const type of ["approve", "deny", "due"] as const)
        expect(next(state, { type }, deny), state).toBeUndefined();
  });

  it("is released again after a crash, without another effect", () => {
    expect(next("approved", { type: "release" }, deny)).toEqual({ state: "released", effects: [] });
    expect(next("released", { type: "release" }, deny)).toEqual({ state: "released", effects: [] });
  });

  it("is asked anew when the policy parks", () => {
    expect(next("pending", { type: "due" }, { parks: true })).toEqual({ state: "pending", effects: ["renew"] });
    expect(next("pending", { type: "due" }, deny)).toEqual({ state: "expired", effects: ["tell"] });
  });

  it("knows no reserved events (PROP-17)", () => {
    for (const type of ["xstate.init", "xstate.done.actor.approve", "xstate.stop", "xstate.error.actor.x"])
      expect(next("pending", { type } as never, deny)).toBeUndefined();
  });
});
