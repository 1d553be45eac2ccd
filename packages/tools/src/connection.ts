import { isAbsolute, join } from "node:path";
import { BulkheadError } from "@bulkhead/core";
import type { JsonObject } from "@bulkhead/schemas";
import { z } from "zod";
import type { Tool } from "./define.ts";

/** A kind of connection: settings in `bulkhead.yaml` (no secrets) → the tools `<connection>-<operation>`. */
export interface ConnectionKind {
  readonly kind: string;
  readonly settings: z.ZodType;
  /**
   * `base`: the folder that relative paths of the settings start from; needed to run a tool, not to make its contract.
   * @throws BulkheadError `config.invalid` when the settings do not fit
   */
  tools(connection: string, settings: unknown, base?: string): readonly Tool[];
  /**
   * The settings of a throw-away copy inside an empty folder, on which tools are rehearsed: the same adapters, and nothing of the
   * house's own in reach. Undefined where there is no such copy.
   */
  copy(settings: unknown, dir: string): Promise<JsonObject | undefined>;
}

/** Declares a kind of connection. */
export function defineConnection<S extends z.ZodType>(definition: {
  readonly kind: string;
  readonly settings: S;
  readonly tools: (connection: string, settings: z.output<S>, base: string) => readonly Tool[];
  readonly copy?: (settings: z.output<S>, dir: string) => Promise<z.output<S> | undefined>;
}): ConnectionKind {
  const read = (connection: string, settings: unknown): z.output<S> => {
    const parsed = definition.settings.safeParse(settings);
    if (parsed.success) return parsed.data;
    throw new BulkheadError("config.invalid", `(connection ${connection}: ${z.prettifyError(parsed.error)})`);
  };
  return {
    kind: definition.kind,
    settings: definition.settings,
    tools: (connection, settings, base = "") => definition.tools(connection, read(connection, settings), base),
    copy: async (settings, dir) =>
      (await definition.copy?.(read(definition.kind, settings), dir)) as JsonObject | undefined,
  };
}

/** The operation in a tool's name: `mail-read` of connection `mail` is `read`. */
export function operationOf(connection: string, tool: string): string {
  return tool.startsWith(`${connection}-`) ? tool.slice(connection.length + 1) : tool;
}

/** A connection as it stands in the policy. */
export interface ConnectionSettings {
  readonly name: string;
  readonly kind: string;
  readonly settings: JsonObject;
}

/** A path of the settings: absolute, or below the folder of `bulkhead.yaml`. */
export const SettingsPath = z.string().min(1).max(1_000);

/** Where a path of the settings leads. A relative one without a base leads nowhere that a tool could reach. */
export function placeOf(base: string, path: string): string {
  return isAbsolute(path) ? path : join(base === "" ? "/nonexistent" : base, path);
}
