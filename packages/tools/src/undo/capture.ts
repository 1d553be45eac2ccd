/**
 * Owns: what is captured before a call that can be undone: the state, and the inverse made from it.
 * Does not own: running either of them, or keeping what was captured.
 * Invariants: an inverse names the tool that the contract names and fits its input, before anything has happened; the same
 * code captures in a rehearsal and in a running executor, so that what was rehearsed is what will be done.
 */
import { BulkheadError } from "@bulkhead/core";
import type { Inverse, JsonObject, JsonValue } from "@bulkhead/schemas";
import type { ToolContext } from "../context.ts";
import type { Tool } from "../define.ts";
import { stateOf } from "./state.ts";

/** What has to be kept before a call runs, so that it can be undone. */
export interface Captured {
  readonly before: JsonValue;
  readonly inverse: Inverse;
}

/**
 * Reads what a call would change. `context` is the call's own, also when its undoing is verified: a tool may find what it changed by its effect id.
 * @throws BulkheadError `adapter.missing` when the tool reads no state, or what `stateOf` throws
 */
export async function readState(tool: Tool, args: JsonObject, context: ToolContext): Promise<JsonValue> {
  if (tool.state === undefined) throw new BulkheadError("adapter.missing", `(${tool.name} reads no state)`);
  return stateOf(await tool.state(args, context));
}

/**
 * Captures what undoes a call, before it runs. `undoing` is the tool that its contract names.
 * @throws BulkheadError `undo.invalid` when the inverse is not a call of that tool
 */
export async function captureUndo(
  { tool, undoing }: { readonly tool: Tool; readonly undoing: Tool },
  args: JsonObject,
  context: ToolContext,
): Promise<Captured> {
  if (tool.rollback?.mode !== "compensate" || tool.rollback.tool !== undoing.name || tool.inverse === undefined)
    throw new BulkheadError("undo.invalid", `(${tool.name} is not undone by ${undoing.name})`);
  const before = await readState(tool, args, context);
  const parsed = undoing.input.safeParse(await tool.inverse(args, before, context));
  if (!parsed.success)
    throw new BulkheadError("undo.invalid", `(${undoing.name} does not take what undoes ${tool.name})`);
  const plain = JSON.parse(JSON.stringify(parsed.data)) as JsonObject;
  return { before, inverse: { tool: undoing.name, args: plain } };
}
