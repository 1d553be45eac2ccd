import type { ProposalMode, ProposalState } from "@bulkhead/schemas";
import fc from "fast-check";
import { expect, test } from "vitest";
import { FINAL_STATES, INITIAL, next, type ProposalEventType } from "./proposal.machine.ts";

/** A stored proposal, as two replicas see it: what is compared is state and version together. */
interface Stored {
  readonly state: ProposalState;
  readonly version: number;
}

/** The outcome of the executor's claim on one call id, whoever asks, and how often. */
interface Executor {
  runs: number;
  undos: number;
}

type Step =
  | { readonly kind: "event"; readonly replica: 0 | 1; readonly type: ProposalEventType }
  | { readonly kind: "read"; readonly replica: 0 | 1 }
  | { readonly kind: "work"; readonly replica: 0 | 1 }
  | { readonly kind: "crash"; readonly replica: 0 | 1 };

const PEOPLE: readonly ProposalEventType[] = ["approve", "agree", "deny", "cancel", "edit", "undo"];
const OTHERS: readonly ProposalEventType[] = ["due", "half", "withdraw", "supersede", "raised"];
const replica = fc.constantFrom<0 | 1>(0, 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("event"), replica, type: fc.constantFrom(...PEOPLE) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("event"), replica, type: fc.constantFrom(...OTHERS) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("read"), replica }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("work"), replica }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("crash"), replica }) },
);

/** Two replicas over one document: each acts on what it has last read, and compare-and-set decides. */
function play(mode: ProposalMode, steps: readonly Step[], parks: boolean) {
  let stored: Stored = { state: INITIAL[mode], version: 1 };
  const seen: [Stored, Stored] = [stored, stored];
  const history: { readonly type: string; readonly to: ProposalState }[] = [];
  const executor: Executor = { runs: 0, undos: 0 };
  const apply = (at: 0 | 1, type: ProposalEventType): void => {
    const read = seen[at];
    const after = next(read.state, { type }, { parks, mode });
    if (after === undefined || read.version !== stored.version || read.state !== stored.state) return;
    stored = { state: after.state, version: stored.version + 1 };
    seen[at] = stored;
    history.push({ type, to: after.state });
  };
  for (const one of steps) {
    if (one.kind === "read" || one.kind === "crash") seen[one.replica] = stored;
    if (one.kind === "event") apply(one.replica, one.type);
    if (one.kind === "work")
      work(seen[one.replica].state, executor, (type) => {
        apply(one.replica, type);
      });
  }
  return { stored, history, executor };
}

/** What a replica does for the state that it believes in: the executor's claim makes the second time a recall. */
function work(state: ProposalState, executor: Executor, settle: (type: ProposalEventType) => void): void {
  if (state === "released") {
    executor.runs = Math.max(executor.runs, 1);
    settle("executed");
  }
  if (state === "undoing") {
    executor.undos = Math.max(executor.undos, 1);
    settle("undone");
  }
}

test("S1 to S5, S10: over every interleaving on two replicas, nothing runs without its permission, nor after its end", () => {
  fc.assert(
    fc.property(
      fc.constantFrom<ProposalMode>("ask", "hold", "compensate"),
      fc.array(step, { maxLength: 60 }),
      fc.boolean(),
      (mode, steps, parks) => {
        const { stored, history, executor } = play(mode, steps, parks);
        const types = history.map(({ type }) => type);
        const released = history.findIndex(({ to }) => to === "released");
        if (executor.runs > 0 && mode === "ask") expect(types.slice(0, released + 1)).toContain("approve");
        if (executor.runs > 0 && mode === "hold") expect(["due", "approve"]).toContain(types[released]);
        if (executor.undos > 0) expect(types.indexOf("undo")).toBeGreaterThan(types.indexOf("executed"));
        const ends = history.filter(({ to }) => FINAL_STATES.includes(to));
        expect(ends.length).toBeLessThanOrEqual(1);
        if (ends.length === 1) expect(stored.state).toBe(ends[0]?.to);
        const stopped = types.findIndex((type) => ["deny", "cancel", "withdraw"].includes(type));
        if (stopped >= 0) expect(types.slice(stopped + 1)).toEqual([]);
        expect(types.filter((type) => type === "executed").length).toBeLessThanOrEqual(1);
      },
    ),
    { numRuns: 3_000 },
  );
});
