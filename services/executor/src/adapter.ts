import { BulkheadError, isErrorCode } from "@bulkhead/core";
import type { JsonValue } from "@bulkhead/schemas";
import {
  type Captured,
  captureUndo,
  guardedHttp,
  type ReadBack,
  readBackOf,
  readState,
  resultText,
  type ToolContext,
} from "@bulkhead/tools";
import type { CallCredentials } from "./credentials.ts";
import type { Parts, PermittedCall } from "./parts.ts";

/** What came of calling an adapter. `unsure`: it may have had its effect; `running`: it may still have it. */
export type Ran =
  | { readonly kind: "done"; readonly text: string }
  | { readonly kind: "failed"; readonly error: BulkheadError }
  | { readonly kind: "unsure"; readonly running: boolean };

const READ_BACK_MS = 10_000;

/** Codes by which an adapter says that surely nothing happened. */
const SURELY_NOT = new Set([
  ...["adapter.failed", "adapter.unreachable", "adapter.missing", "args.invalid", "content.size", "path.denied"],
  ...["egress.denied", "credential.missing", "credential.mode"],
]);

export async function runAdapter(parts: Parts, call: PermittedCall): Promise<Ran> {
  const { contract, tool } = call.loaded;
  const credentials = parts.credentials.forCall(contract.credentials);
  const { signal: deadline, clear } = deadlineIn(contract.timeoutMs);
  const context = contextOf(parts, call, { credentials, signal: deadline });
  try {
    const value = await bounded(async () => await tool.run?.(call.action.args, context), deadline);
    return { kind: "done", text: credentials.scrub(resultText(value)) };
  } catch (error) {
    parts.runtime.log.info(
      { callId: call.action.callId, tool: contract.name, cause: credentials.scrub(causeText(error)) },
      "adapter",
    );
    if (deadline.aborted) return { kind: "unsure", running: true };
    const known = knownError(error, call.loaded.builtin, credentials);
    const sure = contract.effects.length === 0 || (known !== undefined && SURELY_NOT.has(known.code));
    return sure
      ? { kind: "failed", error: known ?? new BulkheadError("adapter.failed") }
      : { kind: "unsure", running: false };
  } finally {
    clear();
  }
}

/** Unlike `AbortSignal.timeout`, nothing is left to fire when the call is over. */
function deadlineIn(timeoutMs: number): { readonly signal: AbortSignal; readonly clear: () => void } {
  const controller = new AbortController();
  const timer = setTimeout(() => {
    controller.abort(new BulkheadError("outcome.unknown", "(no answer in time)"));
  }, timeoutMs);
  return {
    signal: controller.signal,
    clear: () => {
      clearTimeout(timer);
    },
  };
}

/** Asks the far side what became of an effect. Whatever goes wrong here means that it is not known. */
export async function readBack(parts: Parts, call: PermittedCall): Promise<ReadBack> {
  const { tool, contract } = call.loaded;
  if (tool.readBack === undefined) return "unknown";
  const credentials = parts.credentials.forCall(contract.credentials);
  const signal = AbortSignal.timeout(READ_BACK_MS);
  try {
    const context = contextOf(parts, call, { credentials, signal });
    const found = readBackOf(await bounded(async () => await tool.readBack?.(call.action.args, context), signal));
    return found !== "unknown" && found.found
      ? { found: true, result: credentials.scrub(resultText(found.result)) }
      : found;
  } catch {
    return "unknown";
  }
}

/** What a call would change, as its tool reads it now. @throws BulkheadError `adapter.missing` where the tool cannot read it */
export async function stateBefore(parts: Parts, call: PermittedCall): Promise<JsonValue> {
  return await reading(parts, call, (context) => readState(call.loaded.tool, call.action.args, context));
}

/** The state before a call, and what would undo it. @throws BulkheadError `tier.propose.rollback`, `undo.invalid` */
export async function captured(parts: Parts, call: PermittedCall): Promise<Captured> {
  const { tool, inverse: undoing } = call.loaded;
  if (undoing === undefined) throw new BulkheadError("tier.propose.rollback");
  return await reading(parts, call, (context) => captureUndo({ tool, undoing }, call.action.args, context));
}

/** Reads with the call's own context; no secret leaves in what was read. */
async function reading<T>(parts: Parts, call: PermittedCall, read: (context: ToolContext) => Promise<T>): Promise<T> {
  const credentials = parts.credentials.forCall(call.loaded.contract.credentials);
  const signal = AbortSignal.timeout(READ_BACK_MS);
  const context = contextOf(parts, call, { credentials, signal });
  const value = await bounded(() => read(context), signal);
  return JSON.parse(credentials.scrub(JSON.stringify(value))) as T;
}

interface Bounds {
  readonly credentials: CallCredentials;
  readonly signal: AbortSignal;
}

function contextOf({ runtime, records }: Parts, call: PermittedCall, { credentials, signal }: Bounds): ToolContext {
  const { action, effectId, loaded } = call;
  const { callId, task, agent } = action;
  return Object.freeze({
    ...{ callId, effectId, task, agent, signal },
    clock: runtime.clock,
    http: guardedHttp({ origins: loaded.contract.egress, signal }),
    credentials: (name: string) => credentials.resolve(name),
    records: records(callId),
    tasks: {
      submit: async (submission) => {
        const body = { ...submission, parent: { task, callId } };
        await runtime.bus.publish("submit", body, { values: { agent: submission.agent } });
      },
    },
  } satisfies ToolContext);
}

/** Ends when `signal` does, even if the tool ignores it. */
async function bounded<T>(run: () => Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => {
    reject(new BulkheadError("outcome.unknown", "(no answer in time)"));
  };
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([run(), late]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** An error of the table, also from a bundle's own copy of the class; what a bundle says besides its code stays here. */
function knownError(error: unknown, builtin: boolean, { scrub }: CallCredentials): BulkheadError | undefined {
  const { name, code, message } = (error ?? {}) as { name?: unknown; code?: unknown; message?: unknown };
  if (name !== "BulkheadError" || !isErrorCode(code)) return undefined;
  if (!builtin || typeof message !== "string") return new BulkheadError(code);
  const plain = new BulkheadError(code).message;
  return new BulkheadError(code, message.startsWith(plain) ? scrub(message.slice(plain.length).trim()) : undefined);
}

function causeText(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  return cause instanceof Error ? `${cause.name}: ${cause.message}`.slice(0, 300) : "unknown";
}
