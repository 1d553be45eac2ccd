import { randomBytes } from "node:crypto";
import { systemClock } from "@bulkhead/core";
import type { ToolContext } from "../context.ts";
import type { Tool } from "../define.ts";
import { guardedHttp } from "../http/guarded.ts";
import { connectionTools } from "../kinds.ts";
import { recordsInMemory } from "../rehearse/records.ts";

/** The tools of a connection by operation, and a way to call them as an executor does. */
export function toolsOf(kind: string, settings: object, base = "") {
  const tools = new Map(
    connectionTools({ name: "c", kind, settings: settings as never }, base).map((tool) => [tool.name.slice(2), tool]),
  );
  const tool = (operation: string): Tool => {
    const found = tools.get(operation);
    if (found === undefined) throw new Error(`no ${operation}`);
    return found;
  };
  return {
    tool,
    run: async (operation: string, args: object, context = contextOf(tool(operation))) =>
      (await tool(operation).run?.(args as never, context)) as Record<string, never>,
    readBack: async (operation: string, args: object, context: ToolContext) =>
      await tool(operation).readBack?.(args as never, context),
    context: (operation: string, more: Partial<ToolContext> = {}) => ({ ...contextOf(tool(operation)), ...more }),
  };
}

/** A context over the real network, with records in memory: the documents of the executor's database. */
export function contextOf(tool: Tool, secrets: Record<string, string> = {}): ToolContext {
  const signal = AbortSignal.timeout(tool.timeoutMs);
  return {
    ...{ callId: "t-1.1.0", task: "t-1", agent: "inbox", signal, clock: systemClock },
    effectId: `e-${randomBytes(16).toString("hex")}`,
    http: guardedHttp({ origins: tool.egress, signal }),
    credentials: (name) => Promise.resolve(secrets[name] ?? ""),
    records: recordsInMemory(),
    tasks: { submit: () => Promise.resolve() },
  };
}
