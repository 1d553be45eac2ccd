import type { AgentDocument } from "@bulkhead/schemas";
import { assign, setup, transition } from "xstate";

/** Facts about an agent kind. Times are epoch ms. */
export type AgentEvent =
  | { readonly type: "asked"; readonly at: number }
  | { readonly type: "fellSilent" }
  | { readonly type: "stopped" }
  | { readonly type: "resumed" };

export const agentMachine = setup({
  types: { context: {} as { readonly seenAt: number }, events: {} as AgentEvent },
  guards: { wasSeen: ({ context }) => context.seenAt > 0 },
  actions: { see: assign({ seenAt: ({ event, context }) => (event.type === "asked" ? event.at : context.seenAt) }) },
}).createMachine({
  id: "agent",
  initial: "absent",
  context: { seenAt: 0 },
  states: {
    absent: { on: { asked: { target: "serving", actions: "see" }, stopped: "stopped" } },
    serving: { on: { asked: { actions: "see" }, fellSilent: "silent", stopped: "stopped" } },
    silent: { on: { asked: { target: "serving", actions: "see" }, stopped: "stopped" } },
    stopped: {
      on: { asked: { actions: "see" }, resumed: [{ guard: "wasSeen", target: "silent" }, { target: "absent" }] },
    },
  },
});

/** The document after a fact, or undefined if the fact means nothing in its state. Pure. */
export function advanceAgent(document: AgentDocument, event: AgentEvent): AgentDocument | undefined {
  const before = agentMachine.resolveState({ value: document.state, context: { seenAt: document.seenAt } });
  if (!before.can(event)) return undefined;
  const [after] = transition(agentMachine, before, event);
  return { ...document, seenAt: after.context.seenAt, state: after.value };
}
