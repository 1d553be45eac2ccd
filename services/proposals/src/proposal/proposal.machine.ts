/**
 * Owns: which states a proposal may have, what may follow what, and which effects that calls for (by name).
 * Does not own: storing, time, the effects themselves (`effects.ts`).
 * Invariants: time alone leads to `expired` or to `pending` again, never to `approved` (PROP-05); a decision counts once
 * (PROP-04); what is final stays.
 */
import type { ProposalState } from "@bulkhead/schemas";
import { setup, transition } from "xstate";

export type ProposalEvent =
  | { readonly type: "approve" }
  | { readonly type: "deny" }
  | { readonly type: "due" }
  | { readonly type: "release" }
  | { readonly type: "executed" }
  | { readonly type: "failed" }
  | { readonly type: "unknown" };

/** What a transition calls for. */
export type EffectName = "release" | "renew" | "tell";

const none = (): void => undefined;

export const proposalMachine = setup({
  types: { context: {} as { parks: boolean }, input: {} as { parks: boolean }, events: {} as ProposalEvent },
  guards: { parks: ({ context }) => context.parks },
  actions: { release: none, renew: none, tell: none },
}).createMachine({
  id: "proposal",
  context: ({ input }) => ({ parks: input.parks }),
  initial: "pending",
  states: {
    pending: {
      on: {
        approve: "approved",
        deny: "denied",
        due: [{ guard: "parks", actions: "renew" }, { target: "expired" }],
      },
    },
    approved: { entry: "release", on: { release: "released" } },
    released: { on: { release: "released", executed: "executed", failed: "failed", unknown: "unknown" } },
    executed: { entry: "tell", type: "final" },
    failed: { entry: "tell", type: "final" },
    unknown: { entry: "tell", type: "final" },
    denied: { entry: "tell", type: "final" },
    expired: { entry: "tell", type: "final" },
  },
});

export const FINAL_STATES: readonly ProposalState[] = ["executed", "failed", "unknown", "denied", "expired"];

/** What an event leads to; undefined if it has no place in this state. */
export function next(
  state: ProposalState,
  event: ProposalEvent,
  { parks }: { readonly parks: boolean },
): { readonly state: ProposalState; readonly effects: readonly EffectName[] } | undefined {
  const snapshot = proposalMachine.resolveState({ value: state, context: { parks } });
  if (!snapshot.can(event)) return undefined;
  const [after, actions] = transition(proposalMachine, snapshot, event);
  return { state: after.value, effects: actions.map(({ type }) => type as EffectName) };
}
