/**
 * Owns: what a tool is: its declared tier, effects, labels, input, once-ness and inverse, beside the code that runs.
 * Does not own: whether a call may run (gateway, watchdog, executor), or which bytes of code are loaded (the executor).
 * Invariants: the input is a closed object without defaults or transforms, so the arguments that were approved are the
 * arguments that run (S3); a tool without `run` has no adapter at all (S5).
 */
import { BulkheadError, isToken } from "@bulkhead/core";
import type { Effect, JsonObject, JsonValue, Label, Tier } from "@bulkhead/schemas";
import { z } from "zod";
import type { ToolContext } from "./context.ts";
import { durationMs } from "./duration.ts";
import { findMistake } from "./undo/declared.ts";

/** What `readBack` found out about an effect whose outcome is not known. */
export type ReadBack = { readonly found: true; readonly result: unknown } | { readonly found: false } | "unknown";

/** How a tool is undone: by another tool, or by waiting until the window has closed. */
export type Rollback = { readonly mode: "compensate"; readonly tool: string } | { readonly mode: "hold" };

/** A tool as its author writes it. */
export interface ToolDefinition<I extends z.ZodObject = z.ZodObject> {
  readonly name: string;
  /** The tier that a policy starts from; CONFIRM if it has effects, AUTO if none. */
  readonly tier?: Tier;
  readonly description: string;
  /** Empty = a read inside the house. */
  readonly effects: readonly Effect[];
  /** Labels that its results raise. Default `["A"]`: what comes from outside is not trusted. */
  readonly reads?: readonly Label[];
  readonly input: I;
  /** Second unique key: the same values within the window are the same effect (`"30d"`, `"12h"`, or milliseconds). */
  readonly dedup?: { readonly key: readonly (keyof z.output<I> & string)[]; readonly window: string | number };
  /** Names of credential files that it resolves. */
  readonly credentials?: readonly string[];
  /** Origins that it reaches, such as `https://api.shop.example`. */
  readonly egress?: readonly string[];
  readonly rollback?: Rollback;
  /** One plain sentence about a call, with `{argument}` places: what a person reads first when asked. */
  readonly sentence?: string;
  /** Default 30 s. */
  readonly timeoutMs?: number;
  /**
   * The effect. What it returns becomes the result: JSON, a text, or an HTTP answer (2xx, else the call failed).
   * Throw BulkheadError `adapter.failed` or `adapter.unreachable` only if surely nothing happened; any other error of a
   * tool with effects means that it may have happened.
   */
  readonly run?: (args: z.output<I>, context: ToolContext) => unknown;
  /** Asks the far side whether the call's effect happened. An HTTP answer counts: 2xx found, 404 and 410 not found. */
  readonly readBack?: (args: z.output<I>, context: ToolContext) => unknown;
  /**
   * Reads what the call would change, as it is now; JSON, and equal answers mean an equal state. Shown to whoever is asked, captured
   * before a PROPOSE call runs, and read again after it was undone.
   */
  readonly state?: (args: z.output<I>, context: ToolContext) => unknown;
  /** With `rollback: compensate`: the arguments with which `rollback.tool` undoes this call. Called before `run`, with what `state` read. */
  readonly inverse?: (args: z.output<I>, before: JsonValue, context: ToolContext) => unknown;
  /**
   * With `rollback: compensate`: arguments with which `bulkhead rehearse` does it, undoes it and compares. It may prepare what they need, for it
   * is never called by a running constellation.
   */
  readonly rehearse?: (context: ToolContext) => readonly z.input<I>[] | Promise<readonly z.input<I>[]>;
}

/** A tool with everything filled in. Plain data and functions; frozen. */
export interface Tool {
  readonly name: string;
  readonly tier: Tier;
  readonly description: string;
  readonly effects: readonly Effect[];
  readonly reads: readonly Label[];
  readonly input: z.ZodObject;
  readonly inputSchema: JsonObject;
  readonly dedup?: { readonly key: readonly string[]; readonly windowMs: number };
  readonly credentials: readonly string[];
  readonly egress: readonly string[];
  readonly rollback?: Rollback;
  readonly sentence?: string;
  readonly timeoutMs: number;
  readonly run?: (args: JsonObject, context: ToolContext) => unknown;
  readonly readBack?: (args: JsonObject, context: ToolContext) => unknown;
  readonly state?: (args: JsonObject, context: ToolContext) => unknown;
  readonly inverse?: (args: JsonObject, before: JsonValue, context: ToolContext) => unknown;
  readonly rehearse?: (context: ToolContext) => readonly JsonObject[] | Promise<readonly JsonObject[]>;
}

const DEFAULT_TIMEOUT_MS = 30_000;

/**
 * Defines a tool.
 * @throws BulkheadError `token.invalid`, or `config.invalid` with what is wrong
 */
export function defineTool<I extends z.ZodObject>(definition: ToolDefinition<I>): Tool {
  if (!isToken(definition.name)) throw new BulkheadError("token.invalid", `(tool ${JSON.stringify(definition.name)})`);
  const { dedup, effects, input, rollback, sentence, run, readBack, state, inverse, rehearse } = definition;
  const strict = input.strict();
  assertEgress(definition);
  const mistake = findMistake({ ...definition, names: Object.keys(input.shape) });
  if (mistake !== undefined) throw new BulkheadError("config.invalid", `(tool ${definition.name}: ${mistake})`);
  return Object.freeze({
    name: definition.name,
    tier: definition.tier ?? (effects.length > 0 ? "CONFIRM" : "AUTO"),
    description: definition.description,
    effects: [...new Set(effects)].sort(),
    reads: [...new Set(definition.reads ?? ["A" as const])].sort(),
    input: strict,
    inputSchema: inputSchemaOf(definition.name, strict),
    ...(dedup && { dedup: { key: [...dedup.key], windowMs: durationMs(dedup.window) } }),
    credentials: [...(definition.credentials ?? [])],
    egress: (definition.egress ?? []).map((origin) => new URL(origin).origin),
    ...(rollback && { rollback }),
    ...(sentence !== undefined && { sentence }),
    timeoutMs: definition.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    ...(run && { run: run as NonNullable<Tool["run"]> }),
    ...(readBack && { readBack: readBack as NonNullable<Tool["readBack"]> }),
    ...(state && { state: state as NonNullable<Tool["state"]> }),
    ...(inverse && { inverse: inverse as NonNullable<Tool["inverse"]> }),
    ...(rehearse && { rehearse: rehearse as NonNullable<Tool["rehearse"]> }),
  });
}

function inputSchemaOf(name: string, input: z.ZodObject): JsonObject {
  let schema: JsonObject;
  try {
    schema = z.toJSONSchema(input, { io: "output" }) as JsonObject;
  } catch (cause) {
    throw new BulkheadError("config.invalid", `(tool ${name}: its input cannot be JSON Schema)`, { cause });
  }
  if (JSON.stringify(schema).includes('"default":'))
    throw new BulkheadError(
      "config.invalid",
      `(tool ${name}: an input has no defaults; say .optional() and choose in run)`,
    );
  return JSON.parse(JSON.stringify(schema)) as JsonObject;
}

function assertEgress({ name, egress = [] }: { name: string; egress?: readonly string[] }): void {
  const wrong = egress.find((origin) => !/^https?:$/.test(URL.parse(origin)?.protocol ?? ""));
  if (wrong !== undefined)
    throw new BulkheadError("config.invalid", `(tool ${name}: egress ${wrong} is not an origin)`);
}
