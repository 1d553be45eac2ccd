import { assign, setup } from "xstate";

/** Rounds in a row in which the model said nothing of use before the task fails. */
export const MAX_MISTAKES = 3;

/** What a turn starts from. */
export interface TurnInput {
  readonly maxSteps: number;
  readonly maxTokens: number;
  readonly tokens: number;
}

/** What a turn counts. */
export interface TurnContext extends TurnInput {
  readonly step: number;
  readonly open: number;
  readonly useful: number;
  readonly waiting: number;
  readonly mistakes: number;
  readonly code: string | undefined;
}

/** Facts that the loop reports. */
export type TurnEvent =
  | {
      readonly type: "ANSWERED";
      readonly calls: number;
      readonly empty: boolean /** Used by the whole task so far. */;
      readonly tokens: number;
    }
  | { readonly type: "CALL_SETTLED"; readonly status: "useful" | "mistaken" | "waiting" }
  | { readonly type: "PARKED" }
  | { readonly type: "NOT_PARKED" }
  | { readonly type: "CANCELLED" }
  | { readonly type: "FAILED"; readonly code: string };

/**
 * One task's model loop (design §5): think, call, and park where a human must decide. Pure: `loop.ts` does what the states say. It ends when the model answers without a
 * call, or at a limit; the host holds the same limits, and the deadline, from outside. `thinking` ends when the answer is saved.
 */
export const turnMachine = setup({
  types: { context: {} as TurnContext, events: {} as TurnEvent, input: {} as TurnInput },
  guards: {
    outOfSteps: ({ context }) => context.step >= context.maxSteps,
    outOfTokens: ({ context }) => context.tokens > context.maxTokens,
    tooManyMistakes: ({ context }) => context.mistakes >= MAX_MISTAKES,
    someOpen: ({ context }) => context.open > 0,
    someWaiting: ({ context }) => context.waiting > 0,
    saysNothing: ({ event }) => event.type === "ANSWERED" && event.calls === 0 && event.empty,
    asksForCalls: ({ event }) => event.type === "ANSWERED" && event.calls > 0,
  },
  actions: {
    countAnswer: assign(({ context, event }) =>
      event.type === "ANSWERED" ? { step: context.step + 1, tokens: event.tokens, open: event.calls } : {},
    ),
    countMistake: assign({ mistakes: ({ context }) => context.mistakes + 1 }),
    openCalls: assign({ useful: 0, waiting: 0 }),
    reopenWaiting: assign({ open: ({ context }) => context.waiting, waiting: 0 }),
    settleCall: assign(({ context, event }) => settled(context, event)),
    judgeRound: assign({ mistakes: ({ context }) => (context.useful > 0 ? 0 : context.mistakes + 1) }),
    setCode: assign({ code: ({ event }) => (event.type === "FAILED" ? event.code : undefined) }),
    setOutOfSteps: assign({ code: "limits.steps" }),
    setOutOfTokens: assign({ code: "limits.tokens" }),
    setMalformed: assign({ code: "model.malformed" }),
  },
}).createMachine({
  id: "turn",
  context: ({ input }) => ({ ...input, step: 0, open: 0, useful: 0, waiting: 0, mistakes: 0, code: undefined }),
  initial: "ready",
  on: { FAILED: { target: ".failed", actions: "setCode" }, CANCELLED: ".cancelled" },
  states: {
    ready: {
      always: [
        { guard: "tooManyMistakes", target: "failed", actions: "setMalformed" },
        { guard: "outOfTokens", target: "failed", actions: "setOutOfTokens" },
        { guard: "outOfSteps", target: "failed", actions: "setOutOfSteps" },
        { target: "thinking" },
      ],
    },
    thinking: {
      on: {
        ANSWERED: [
          { guard: "asksForCalls", target: "calling", actions: ["countAnswer", "openCalls"] },
          { guard: "saysNothing", target: "ready", actions: ["countAnswer", "countMistake"] },
          { target: "finished", actions: "countAnswer" },
        ],
      },
    },
    calling: { on: { CALL_SETTLED: { target: "counting", actions: "settleCall" } } },
    counting: {
      always: [
        { guard: "someOpen", target: "calling" },
        { guard: "someWaiting", target: "parking" },
        { target: "ready", actions: "judgeRound" },
      ],
    },
    parking: { on: { PARKED: "parked", NOT_PARKED: { target: "calling", actions: "reopenWaiting" } } },
    parked: { type: "final" },
    finished: { type: "final" },
    cancelled: { type: "final" },
    failed: { type: "final" },
  },
});

function settled(context: TurnContext, event: TurnEvent): Partial<TurnContext> {
  if (event.type !== "CALL_SETTLED") return {};
  const open = context.open - 1;
  if (event.status === "waiting") return { open, waiting: context.waiting + 1 };
  return event.status === "useful" ? { open, useful: context.useful + 1 } : { open };
}
