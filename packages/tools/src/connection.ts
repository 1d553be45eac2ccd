import { BulkheadError } from "@bulkhead/core";
import type { JsonObject } from "@bulkhead/schemas";
import { z } from "zod";
import type { Tool } from "./define.ts";

/** A kind of connection: settings in `bulkhead.yaml` (no secrets) → the tools `<connection>-<operation>`. */
export interface ConnectionKind {
  readonly kind: string;
  readonly settings: z.ZodType;
  /** @throws BulkheadError `config.invalid` when the settings do not fit */
  tools(connection: string, settings: unknown): readonly Tool[];
}

/** Declares a kind of connection. */
export function defineConnection<S extends z.ZodType>(definition: {
  readonly kind: string;
  readonly settings: S;
  readonly tools: (connection: string, settings: z.output<S>) => readonly Tool[];
}): ConnectionKind {
  return {
    kind: definition.kind,
    settings: definition.settings,
    tools: (connection, settings) => {
      const parsed = definition.settings.safeParse(settings);
      if (parsed.success) return definition.tools(connection, parsed.data);
      throw new BulkheadError("config.invalid", `(connection ${connection}: ${z.prettifyError(parsed.error)})`);
    },
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
