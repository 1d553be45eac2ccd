/**
 * Owns: the records of one tracker connection: which there are, how one is changed, and how a change is taken back.
 * Does not own: where they lie (the executor's port).
 * Invariants: a record of another connection is never seen; a change is compared and set; what is taken back is only what a call itself
 * changed, and only while it is as that call left it. A removed record stays stored, and no tool shows it.
 */
import { createHash } from "node:crypto";
import { BulkheadError } from "@bulkhead/core";
import type { JsonObject, JsonValue } from "@bulkhead/schemas";
import type { RecordPort, ToolContext, TrackerRecord } from "../context.ts";
import { sameState } from "../undo/state.ts";

/** The parts of a record that a call touches. A field that is `absent` is not there. */
export interface Parts {
  readonly state?: string | undefined;
  readonly fields?: JsonObject | undefined;
  readonly absent?: readonly string[] | undefined;
}

const REMOVED = "removed";

/** The call's effect decides the id: a repeat cannot make a second record. */
export function idOf({ effectId }: ToolContext): string {
  return `r-${createHash("sha256").update(effectId).digest("hex").slice(0, 16)}`;
}

/** A record as agents see it. */
export function shown({ id, kind, state, fields, version }: TrackerRecord) {
  const own = Object.fromEntries(Object.entries(fields).filter(([name]) => name !== "_effect"));
  return { id, kind: kind.slice(kind.indexOf(".") + 1), state, version, fields: own };
}

/** A record of this connection. @throws BulkheadError `adapter.failed` when there is none */
export async function existing(connection: string, id: string, records: RecordPort): Promise<TrackerRecord> {
  const record = await records.get(id);
  const mine = record?.kind.startsWith(`${connection}.`) === true && record.state !== REMOVED;
  if (!mine) throw new BulkheadError("adapter.failed", "(no such record)");
  return record;
}

/** The record of a call that creates one, unless it is not there or removed. */
export async function created(context: ToolContext): Promise<TrackerRecord | undefined> {
  const record = await context.records.get(idOf(context));
  return record?.state === REMOVED ? undefined : record;
}

/** The newest records, without those that were removed. */
export async function listed(
  records: RecordPort,
  { limit, ...query }: { readonly kind: string; readonly state?: string; readonly limit: number },
): Promise<TrackerRecord[]> {
  for (let asked = limit; ; asked *= 2) {
    const found = await records.list({ ...query, limit: asked });
    const kept = found.filter(({ state }) => state !== REMOVED);
    if (kept.length >= limit || found.length < asked) return kept.slice(0, limit);
  }
}

/** Sets parts of a record. */
export async function change(connection: string, id: string, { records, effectId }: ToolContext, parts: Parts) {
  const before = await existing(connection, id, records);
  const left = Object.entries({ ...before.fields, ...parts.fields }).filter(([name]) => !parts.absent?.includes(name));
  const after = {
    ...before,
    state: parts.state ?? before.state,
    fields: { ...Object.fromEntries(left), _effect: effectId },
    version: before.version + 1,
  };
  if (!(await records.replace(after, before.version))) throw new BulkheadError("adapter.failed", "(changed meanwhile)");
  return { ...shown(after), before: { state: before.state, fields: shown(before).fields } };
}

/** Marks a record as removed. */
export async function remove(connection: string, id: string, context: ToolContext) {
  await change(connection, id, context, { state: REMOVED });
  return { removed: id };
}

/** Puts parts of a record back, if they are still as `left` says. */
export async function putBack(
  connection: string,
  { id, left, back }: { readonly id: string; readonly left: Parts; readonly back: Parts },
  context: ToolContext,
) {
  const now = partsOf(await existing(connection, id, context.records), left);
  const same = (["state", "fields"] as const).every((part) =>
    equal(now[part], part === "fields" ? (left.fields ?? {}) : left.state),
  );
  if (!same) throw new BulkheadError("adapter.failed", "(changed since)");
  return await change(connection, id, context, back);
}

/** How a record is now, in the parts that a call touches. */
export function partsOf(
  record: TrackerRecord,
  { state, fields }: Parts,
): Required<Pick<Parts, "fields" | "absent">> & Parts {
  const names = Object.keys(fields ?? {}).sort();
  const there = (name: string): boolean => Object.hasOwn(record.fields, name);
  return {
    ...(state !== undefined && { state: record.state }),
    fields: Object.fromEntries(names.filter(there).map((name) => [name, record.fields[name] ?? null])),
    absent: names.filter((name) => !there(name)),
  };
}

/** Whether a change is there: the record says which call changed it last. */
export async function changed(connection: string, id: string, { records, effectId }: ToolContext) {
  const record = await existing(connection, id, records);
  return record.fields["_effect"] === effectId ? { found: true, result: shown(record) } : "unknown";
}

function equal(one: JsonValue | undefined, other: JsonValue | undefined): boolean {
  return one === other || (one !== undefined && other !== undefined && sameState(one, other));
}
