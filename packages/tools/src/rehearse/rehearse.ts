/**
 * Owns: whether undoing a tool works: do it, see that something changed, undo it, see that nothing did.
 * Does not own: where that is tried (a throw-away copy of the connection), or who believes the result (whoever signs the policy).
 * Invariants: what is tried is what an executor will do: the same capture, the same adapter, the same comparison; a tool
 * whose state does not show its own effect fails, for then an equal state would prove nothing.
 */
import { randomBytes } from "node:crypto";
import { BulkheadError, systemClock } from "@bulkhead/core";
import type { JsonObject, JsonValue } from "@bulkhead/schemas";
import type { ToolContext } from "../context.ts";
import type { Tool } from "../define.ts";
import { guardedHttp } from "../http/guarded.ts";
import { resultText } from "../result.ts";
import { captureUndo, readState } from "../undo/capture.ts";
import { sameState, stateDifferences } from "../undo/state.ts";
import { recordsInMemory } from "./records.ts";

/** One example that was done and undone: what was read before, after doing it, and after undoing it. */
export interface Compared {
  readonly args: JsonObject;
  readonly undo: JsonObject;
  readonly before: JsonValue;
  readonly after: JsonValue;
  readonly undone: JsonValue;
}

/** What a rehearsal found. Without a `problem` it passed. */
export interface Rehearsed {
  readonly compared: readonly Compared[];
  readonly problem?: string;
}

/** What a rehearsed tool can reach besides its connection. */
export interface RehearsalRoom {
  readonly credentials: ToolContext["credentials"];
}

/** A reason that a person reads as it is. */
class Problem extends Error {}

/** Does, undoes and compares every example of a tool. `undoing` is the tool that its contract names. Never throws for what a tool does. */
export async function rehearse(
  { tool, undoing }: { readonly tool: Tool; readonly undoing: Tool },
  room: RehearsalRoom,
): Promise<Rehearsed> {
  const compared: Compared[] = [];
  const records = recordsInMemory();
  const contextFor = (of: Tool): ToolContext => ({ ...contextOf(of, room), records });
  try {
    for (const args of await examplesOf(tool, contextFor(tool))) {
      const seen = await doAndUndo({ tool, undoing }, args, contextFor);
      compared.push(seen);
      const problem = problemOf(seen);
      if (problem !== undefined) return { compared, problem };
    }
    return { compared };
  } catch (error) {
    return { compared, problem: error instanceof Error ? error.message : String(error) };
  }
}

async function examplesOf(tool: Tool, context: ToolContext): Promise<readonly JsonObject[]> {
  if (tool.rehearse === undefined) throw new Problem("It brings no examples: give defineTool a rehearse.");
  const examples = await bounded(async () => await tool.rehearse?.(context), context);
  if (!Array.isArray(examples) || examples.length === 0) throw new Problem("Its rehearse gives no examples.");
  const wrong = (examples as JsonObject[]).findIndex((args) => !tool.input.safeParse(args).success);
  if (wrong !== -1)
    throw new Problem(`Example ${wrong + 1} does not fit its input: ${JSON.stringify(examples[wrong])}`);
  return examples as JsonObject[];
}

async function doAndUndo(
  { tool, undoing }: { readonly tool: Tool; readonly undoing: Tool },
  args: JsonObject,
  contextFor: (tool: Tool) => ToolContext,
): Promise<Compared> {
  const context = contextFor(tool);
  const step = <T>(name: string, work: () => Promise<T>): Promise<T> => named(name, () => bounded(work, context));
  const { before, inverse } = await step("Reading before", () => captureUndo({ tool, undoing }, args, context));
  await step("Doing it", async () => resultText(await tool.run?.(args, context)));
  const after = await step("Reading after", () => readState(tool, args, context));
  await step(`Undoing it by ${undoing.name}`, async () =>
    resultText(await undoing.run?.(inverse.args, contextFor(undoing))),
  );
  const undone = await step("Reading back", () => readState(tool, args, context));
  return { args, undo: inverse.args, before, after, undone };
}

function problemOf({ args, before, after, undone }: Compared): string | undefined {
  if (sameState(before, after)) return `With ${JSON.stringify(args)} it changed nothing that its state shows.`;
  const differences = stateDifferences(before, undone);
  return differences.length === 0 ? undefined : `Undone, it is not as before: ${differences.join("; ")}`;
}

function contextOf(tool: Tool, { credentials }: RehearsalRoom): Omit<ToolContext, "records"> {
  const signal = AbortSignal.timeout(tool.timeoutMs);
  return {
    ...{ callId: "rehearsal.1.0", task: "rehearsal", agent: "rehearsal", signal, clock: systemClock },
    effectId: `e-${randomBytes(16).toString("hex")}`,
    http: guardedHttp({ origins: tool.egress, signal }),
    credentials: async (name) => {
      if (!tool.credentials.includes(name))
        throw new BulkheadError("credential.missing", "(the tool does not declare it)");
      return await credentials(name);
    },
    tasks: { submit: () => Promise.reject(new BulkheadError("adapter.failed", "(no task is given in a rehearsal)")) },
  };
}

async function named<T>(step: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new Problem(`${step} failed: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

/** Ends when the tool's time is over, even if the tool does not. */
async function bounded<T>(work: () => Promise<T>, { signal }: ToolContext): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => {
    reject(new Problem("It did not answer in time."));
  };
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([work(), late]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
