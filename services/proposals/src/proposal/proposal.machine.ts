/**
 * Owns: which states a proposal may have, what may follow what, and which effects that calls for (by name).
 * Does not own: storing, time, the effects themselves (`effects.ts`).
 * Invariants: time alone leads from `pending` to `expired` or to `pending` again, never to `released` (PROP-05); a decision counts once
 * (PROP-04); only what ran can be undone, and once (ATT-021); what is final stays.
 */
import type { ProposalMode, ProposalState } from "@bulkhead/schemas";
import { setup, transition } from "xstate";

/** What can happen to a proposal. */
export const PROPOSAL_EVENTS = [
  ...["approve", "agree", "deny", "cancel", "edit", "undo"],
  ...["due", "half", "withdraw", "supersede", "raised"],
  ...["executed", "failed", "unknown", "reopened", "reopenFailed", "undone", "undoFailed"],
] as const;
export type ProposalEventType =
  | ("approve" | "agree" | "deny" | "cancel" | "edit" | "undo")
  | ("due" | "half" | "withdraw" | "supersede" | "raised")
  | ("executed" | "failed" | "unknown" | "reopened" | "reopenFailed" | "undone" | "undoFailed");
/**
 * `agree`: one of several approvals. `due`: the time that is stored has come. `raised`: what was released needs a person now. `reopened`: the
 * gateway has opened another proposal with the changed arguments.
 */
export interface ProposalEvent {
  readonly type: ProposalEventType;
}

/** What a transition calls for. */
export type EffectName = "release" | "renew" | "tell" | "escalate" | "reopen" | "undo" | "watchWindow";

/** What guards ask: whether a due proposal is asked anew, and how the call gets its chance of a person. */
export interface ProposalContext {
  readonly parks: boolean;
  readonly mode: ProposalMode;
}

const none = (): void => undefined;
const end = { entry: "tell", type: "final" } as const;

export const proposalMachine = setup({
  types: { context: {} as ProposalContext, input: {} as ProposalContext, events: {} as ProposalEvent },
  guards: { parks: ({ context }) => context.parks, compensates: ({ context }) => context.mode === "compensate" },
  actions: {
    ...{ release: none, renew: none, tell: none, escalate: none },
    ...{ reopen: none, undo: none, watchWindow: none },
  },
}).createMachine({
  id: "proposal",
  context: ({ input }) => input,
  initial: "pending",
  states: {
    pending: {
      on: {
        approve: "released",
        agree: { target: "pending" },
        deny: "denied",
        cancel: "cancelled",
        edit: "editing",
        half: { actions: "escalate" },
        due: [{ guard: "parks", actions: "renew" }, { target: "expired" }],
        withdraw: "withdrawn",
        supersede: "superseded",
      },
    },
    holding: {
      on: { due: "released", deny: "cancelled", cancel: "cancelled", withdraw: "withdrawn", supersede: "superseded" },
    },
    editing: {
      entry: "reopen",
      on: { reopened: "edited", reopenFailed: "pending", withdraw: "withdrawn", supersede: "superseded" },
    },
    released: {
      entry: "release",
      on: {
        executed: [{ guard: "compensates", target: "window" }, { target: "executed" }],
        failed: "failed",
        unknown: "unknown",
        raised: { target: "pending", actions: "renew" },
      },
    },
    window: { entry: ["tell", "watchWindow"], on: { undo: "undoing", due: "executed" } },
    undoing: { entry: "undo", on: { undone: "undone", undoFailed: "undo-failed" } },
    executed: end,
    failed: end,
    unknown: end,
    undone: end,
    "undo-failed": end,
    denied: end,
    expired: end,
    cancelled: end,
    withdrawn: end,
    edited: end,
    superseded: end,
  },
});

/** States from which nothing follows. */
export const FINAL_STATES: readonly ProposalState[] = [
  ...(["executed", "failed", "unknown", "undone", "undo-failed"] as const),
  ...(["denied", "expired", "cancelled", "withdrawn", "edited", "superseded"] as const),
];

/** Where a proposal of a mode begins. */
export const INITIAL: Readonly<Record<ProposalMode, ProposalState>> = {
  ask: "pending",
  hold: "holding",
  compensate: "released",
};

/** What an event leads to; undefined if it has no place in this state. */
export function next(
  state: ProposalState,
  event: ProposalEvent,
  context: ProposalContext,
): { readonly state: ProposalState; readonly effects: readonly EffectName[] } | undefined {
  const snapshot = proposalMachine.resolveState({ value: state, context });
  if (!snapshot.can(event)) return undefined;
  const [after, actions] = transition(proposalMachine, snapshot, event);
  return { state: after.value, effects: actions.map(({ type }) => type as EffectName) };
}
