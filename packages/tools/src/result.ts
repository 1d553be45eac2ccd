import { BulkheadError } from "@bulkhead/core";
import type { HttpAnswer } from "./context.ts";
import type { ReadBack } from "./define.ts";

/** Whether a value is an answer of the `http` that a tool is given. */
export const isAnswer = (value: unknown): value is HttpAnswer =>
  typeof value === "object" && value !== null && (value as { kind?: unknown }).kind === "http";

/** The text of a tool's result. @throws BulkheadError `adapter.failed` for an HTTP answer that is not 2xx */
export function resultText(value: unknown): string {
  if (isAnswer(value)) {
    if (!value.ok) throw new BulkheadError("adapter.failed", `(HTTP ${value.status})`);
    return value.text;
  }
  return typeof value === "string" ? value : JSON.stringify(value ?? null);
}

/** What a tool's `readBack` says, in one form. Whatever is not understood is unknown. */
export function readBackOf(value: unknown): ReadBack {
  if (isAnswer(value)) {
    if (value.ok) return { found: true, result: value.text };
    return value.status === 404 || value.status === 410 ? { found: false } : "unknown";
  }
  const { found, result } = (typeof value === "object" && value !== null ? value : {}) as Record<string, unknown>;
  if (found === true) return { found, result };
  return found === false ? { found } : "unknown";
}
