import type { Snapshot, TaskDocument } from "@bulkhead/schemas";
import { assign, setup, transition } from "xstate";

/** What changes in a task's life. The rest of its document never does. */
export type TaskContext = Pick<
  TaskDocument,
  "epoch" | "leaseUntil" | "attempts" | "version" | "snapshot" | "waitingFor" | "decided" | "cancelled"
> & {
  readonly host?: string | undefined;
  readonly code?: string | undefined;
  readonly result?: string | undefined;
  readonly startedAt?: number | undefined;
};

/** Facts about a task. Times are epoch ms. */
export type TaskEvent =
  | { readonly type: "dispatched"; readonly host: string; readonly at: number; readonly leaseUntil: number }
  | { readonly type: "saved"; readonly snapshot: Snapshot; readonly leaseUntil: number }
  | {
      readonly type: "parked";
      readonly snapshot: Snapshot;
      readonly waitingFor: readonly string[];
      readonly at: number;
    }
  | { readonly type: "decided"; readonly callId: string; readonly at: number }
  | { readonly type: "finished"; readonly result?: string | undefined }
  | { readonly type: "failed"; readonly code: string }
  | { readonly type: "released"; readonly code: string; readonly retryAt: number; readonly maxAttempts: number }
  | { readonly type: "givenBack"; readonly code: string; readonly at: number }
  | { readonly type: "expired"; readonly at: number; readonly maxAttempts: number }
  | { readonly type: "cancelled" }
  | { readonly type: "resubmitted"; readonly at: number };

type EventOf<T extends TaskEvent["type"]> = Extract<TaskEvent, { type: T }>;

const fresh: TaskContext = {
  ...{ epoch: 0, leaseUntil: 0, attempts: 0, version: 0, snapshot: null },
  ...{ waitingFor: [], decided: [], cancelled: false },
};

export const taskMachine = setup({
  types: { context: {} as TaskContext, events: {} as TaskEvent },
  guards: {
    isCancelRequested: ({ context }) => context.cancelled,
    isAwaited: ({ context, event }) => context.waitingFor.includes((event as EventOf<"decided">).callId),
    isDecidedAlready: ({ context, event }) =>
      (event as EventOf<"parked">).waitingFor.some((callId) => context.decided.includes(callId)),
    isExhausted: ({ context, event }) =>
      context.attempts + 1 >= (event as EventOf<"released"> | EventOf<"expired">).maxAttempts,
  },
  actions: {
    lease: assign(({ context, event }) => {
      const { host, at, leaseUntil } = event as EventOf<"dispatched">;
      return { host, leaseUntil, epoch: context.epoch + 1, startedAt: context.startedAt ?? at };
    }),
    keep: assign(({ context, event }) => {
      const { snapshot, leaseUntil } = event as EventOf<"saved">;
      const progressed = snapshot.step > (context.snapshot?.step ?? 0);
      return { snapshot, leaseUntil, version: context.version + 1, ...(progressed && { attempts: 0 }) };
    }),
    wait: assign(({ context, event }) => {
      const { snapshot, waitingFor, at } = event as EventOf<"parked">;
      return { snapshot, waitingFor: [...waitingFor], leaseUntil: at, version: context.version + 1, host: undefined };
    }),
    note: assign(({ context, event }) => ({
      decided: [...new Set([...context.decided, (event as EventOf<"decided">).callId])],
    })),
    wake: assign({ waitingFor: [], startedAt: undefined, leaseUntil: ({ event }) => (event as EventOf<"decided">).at }),
    settle: assign({ host: undefined, code: undefined, result: ({ event }) => (event as EventOf<"finished">).result }),
    blame: assign({ host: undefined, code: ({ event }) => (event as EventOf<"failed" | "released">).code }),
    countFailure: assign({ host: undefined, attempts: ({ context }) => context.attempts + 1 }),
    backOff: assign({ leaseUntil: ({ event }) => (event as EventOf<"released">).retryAt }),
    rest: assign({
      ...{ host: undefined, startedAt: undefined },
      code: ({ event }) => (event as EventOf<"givenBack">).code,
      leaseUntil: ({ event }) => (event as EventOf<"givenBack">).at,
    }),
    lapse: assign({ leaseUntil: ({ event }) => (event as EventOf<"expired">).at, code: "lease.expired" }),
    requestCancel: assign({ cancelled: true }),
    startOver: assign({
      ...{ attempts: 0, cancelled: false, code: undefined, startedAt: undefined },
      leaseUntil: ({ event }) => (event as EventOf<"resubmitted">).at,
    }),
  },
}).createMachine({
  id: "task",
  initial: "queued",
  context: fresh,
  states: {
    queued: {
      on: {
        dispatched: { target: "running", actions: "lease" },
        decided: { actions: "note" },
        cancelled: { target: "cancelled", actions: "requestCancel" },
      },
    },
    running: {
      on: {
        saved: [{ guard: "isCancelRequested", target: "cancelled" }, { actions: "keep" }],
        parked: [
          { guard: "isCancelRequested", target: "cancelled" },
          { guard: "isDecidedAlready" },
          { target: "parked", actions: "wait" },
        ],
        decided: { actions: "note" },
        finished: { target: "done", actions: "settle" },
        failed: { target: "failed", actions: "blame" },
        released: [
          { guard: "isCancelRequested", target: "cancelled" },
          { guard: "isExhausted", target: "dead", actions: ["countFailure", "blame"] },
          { target: "queued", actions: ["countFailure", "blame", "backOff"] },
        ],
        givenBack: [
          { guard: "isCancelRequested", target: "cancelled" },
          { target: "queued", actions: "rest" },
        ],
        expired: [
          { guard: "isCancelRequested", target: "cancelled" },
          { guard: "isExhausted", target: "dead", actions: ["countFailure", "lapse"] },
          { target: "queued", actions: ["countFailure", "lapse"] },
        ],
        cancelled: { actions: "requestCancel" },
      },
    },
    parked: {
      on: {
        decided: [{ guard: "isAwaited", target: "queued", actions: ["note", "wake"] }, { actions: "note" }],
        cancelled: { target: "cancelled", actions: "requestCancel" },
      },
    },
    failed: { on: { resubmitted: { target: "queued", actions: "startOver" }, cancelled: "cancelled" } },
    dead: { on: { resubmitted: { target: "queued", actions: "startOver" }, cancelled: "cancelled" } },
    cancelled: { type: "final" },
    done: { type: "final" },
  },
});

/** The document after a fact, or undefined if the fact means nothing in its state. Pure. */
export function advance(document: TaskDocument, event: TaskEvent): TaskDocument | undefined {
  const before = taskMachine.resolveState({ value: document.state, context: contextOf(document) });
  if (!before.can(event)) return undefined;
  const [after] = transition(taskMachine, before, event);
  const next = { ...document, ...after.context, state: after.value };
  return Object.fromEntries(Object.entries(next).filter(([, value]) => value !== undefined)) as TaskDocument;
}

function contextOf(document: TaskDocument): TaskContext {
  const { epoch, leaseUntil, attempts, version, snapshot, waitingFor, decided, cancelled } = document;
  const { host, code, result, startedAt } = document;
  return {
    epoch,
    leaseUntil,
    attempts,
    version,
    snapshot,
    waitingFor,
    decided,
    cancelled,
    host,
    code,
    result,
    startedAt,
  };
}
