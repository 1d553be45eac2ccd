/**
 * Owns: the one form in which states are read, kept and compared.
 * Does not own: when they are read (the executor), or what they say (each tool's `state`).
 * Invariants: equal texts mean an equal state and nothing else does; what cannot be kept whole is refused, so that no state is
 * ever compared by its beginning.
 */
import { BulkheadError, canonical } from "@bulkhead/core";
import type { JsonValue } from "@bulkhead/schemas";
import type { HttpAnswer } from "../context.ts";
import { isAnswer } from "../result.ts";

/** The most of a state that is kept: 16 KiB of canonical JSON. */
export const MAX_STATE = 16 * 1024;

/**
 * What a tool's `state` said, as JSON. An HTTP answer counts: 2xx is its body, 404 and 410 are `null`, for nothing is there.
 * @throws BulkheadError `adapter.failed` for any other answer, `content.size` for more than 16 KiB
 */
export function stateOf(value: unknown): JsonValue {
  const said = isAnswer(value) ? bodyOf(value) : value;
  const state = said === undefined ? null : (JSON.parse(JSON.stringify(said)) as JsonValue);
  if (stateText(state).length > MAX_STATE) throw new BulkheadError("content.size", "(the state of what would change)");
  return state;
}

/** The canonical text of a state: what is kept, and of what a digest is taken. */
export function stateText(state: JsonValue): string {
  return canonical(state);
}

/** Whether two states are the same, whatever the order of their keys. */
export function sameState(one: JsonValue, other: JsonValue): boolean {
  return stateText(one) === stateText(other);
}

/** Where two states differ: `folder: "INBOX" → "Archive"`, one line a place. Empty = they are the same. */
export function stateDifferences(before: JsonValue, after: JsonValue, path = ""): string[] {
  if (sameState(before, after)) return [];
  if (!isRecord(before) || !isRecord(after)) return [`${path || "state"}: ${shown(before)} → ${shown(after)}`];
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return keys.flatMap((key) =>
    stateDifferences(before[key] ?? null, after[key] ?? null, path === "" ? key : `${path}.${key}`),
  );
}

const MAX_SHOWN = 120;

function shown(state: JsonValue): string {
  const text = stateText(state);
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN - 1)}…` : text;
}

function isRecord(state: JsonValue): state is Record<string, JsonValue> {
  return typeof state === "object" && state !== null && !Array.isArray(state);
}

function bodyOf({ ok, status, text }: HttpAnswer): JsonValue {
  if (status === 404 || status === 410) return null;
  if (!ok) throw new BulkheadError("adapter.failed", `(HTTP ${status})`);
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return text;
  }
}
