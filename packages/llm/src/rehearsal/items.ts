import type { Conversation, PastCall } from "./conversation.ts";
import { isObject } from "./conversation.ts";
import { type Facts, findFacts } from "./facts.ts";
import type { ToolView } from "./tools.ts";

/** One thing that work is done on: a mail, a ticket, or the task itself. */
export interface Item {
  /** Its id, or `task`. */
  readonly key: string;
  /** The name of the field that holds the id, in lower case without signs. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** All text that is known of it. */
  readonly text: string;
  readonly facts: Facts;
  /** Tools whose result about it is known, or which failed on it. */
  readonly seenBy: ReadonlySet<string>;
  readonly failed: boolean;
}

const ID_FIELD = /^(id|uid|key|ref|number|path|name|messageid|.*id)$/;
const MAX_ITEMS = 2_000;

/** The key of the item that stands for the task's own text. */
export const TASK_KEY = "task";

/** Everything that results have shown, each thing once, in the order of appearance. */
export function findItems({ calls }: Conversation, tools: readonly ToolView[], named: readonly string[] = []): Item[] {
  const drafts = new Map<
    string,
    { fields: Record<string, unknown>; texts: string[]; seenBy: Set<string>; failed: boolean }
  >();
  for (const id of named) draft(drafts, id).fields.id = id;
  for (const call of calls.filter(({ text }) => text !== undefined)) {
    const deed = tools.find(({ name }) => name === call.tool)?.deed;
    if (deed === "list") for (const element of elementsOf(call.result).slice(0, MAX_ITEMS)) addListed(drafts, element);
    if (deed === "read") addRead(drafts, call);
  }
  return [...drafts].map(([key, { fields, texts, seenBy, failed }]) => {
    const text = texts.join("\n");
    return { key, fields, text, facts: findFacts(text), seenBy, failed };
  });
}

/** The task's own text as an item, with the fields of its "Name: value" lines. */
export function taskItem(text: string): Item {
  const lines = [...text.matchAll(/^[\s>*-]*([A-Za-z][A-Za-z -]{1,30}?)\s*:\s*(\S.{0,500})$/gm)];
  const fields = Object.fromEntries(
    lines.toReversed().map(([, name = "", value = ""]) => [name.toLowerCase(), value.trim()]),
  );
  const whole = body(text) ?? text;
  return {
    key: TASK_KEY,
    fields: { ...fields, text: whole },
    text,
    facts: findFacts(text),
    seenBy: new Set(),
    failed: false,
  };
}

/** A field of an item by any of these names, as text. */
export function field(item: Item, ...names: readonly string[]): string | undefined {
  const wanted = names.map(plain);
  for (const name of wanted) {
    const found = Object.entries(item.fields).find(([key]) => plain(key) === name)?.[1];
    if (typeof found === "string" && found.trim() !== "") return found.trim();
    if (typeof found === "number") return String(found);
    if (isObject(found))
      return Object.values(found)
        .filter((each) => typeof each === "string")
        .toReversed()[0];
    if (Array.isArray(found) && typeof found[0] === "string") return found[0];
  }
  return undefined;
}

/** A name without case and signs. */
export function plain(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, "");
}

/** The elements of the first list in a result. */
export function elementsOf(result: unknown): unknown[] {
  if (Array.isArray(result)) return result;
  if (!isObject(result)) return [];
  return (Object.values(result).find((value) => Array.isArray(value)) as unknown[] | undefined) ?? [];
}

/** The id of an element: a text itself, or its field that looks most like one. */
export function idOf(element: unknown): string | undefined {
  if (typeof element === "string" || typeof element === "number") return String(element);
  if (!isObject(element)) return undefined;
  const names = Object.keys(element).filter(
    (name) => ["string", "number"].includes(typeof element[name]) && ID_FIELD.test(plain(name)),
  );
  const best = names.find((name) => plain(name) === "id") ?? names[0];
  return best === undefined ? undefined : String(element[best]);
}

type Drafts = Map<string, { fields: Record<string, unknown>; texts: string[]; seenBy: Set<string>; failed: boolean }>;

function draft(
  drafts: Drafts,
  key: string,
): { fields: Record<string, unknown>; texts: string[]; seenBy: Set<string>; failed: boolean } {
  const known = drafts.get(key) ?? { fields: {}, texts: [], seenBy: new Set<string>(), failed: false };
  drafts.set(key, known);
  return known;
}

function addListed(drafts: Drafts, element: unknown): void {
  const id = idOf(element);
  if (id === undefined) return;
  const known = draft(drafts, id);
  if (isObject(element)) Object.assign(known.fields, element);
  else known.fields.id ??= element;
  known.texts.push(...stringsOf(element));
}

function addRead(drafts: Drafts, call: PastCall): void {
  const key =
    Object.values(call.args)
      .map(String)
      .find((value) => drafts.has(value)) ??
    Object.values(call.args).map(String)[0] ??
    idOf(call.result);
  if (key === undefined) return;
  const known = draft(drafts, key);
  known.seenBy.add(call.tool);
  if (call.failed) known.failed = true;
  else if (isObject(call.result)) Object.assign(known.fields, flat(call.result));
  else known.fields.text = call.result;
  if (!call.failed) known.texts.push(...stringsOf(call.result));
}

/** `{mail: {...}}` counts as `{...}`. */
function flat(result: Record<string, unknown>): Record<string, unknown> {
  const inner = Object.values(result).find(isObject);
  return inner !== undefined && Object.keys(result).length <= 2 ? { ...result, ...inner } : result;
}

/** All texts in a value, in order. */
export function stringsOf(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (Array.isArray(value)) return value.flatMap(stringsOf);
  return isObject(value) ? Object.values(value).flatMap(stringsOf) : [];
}

function body(text: string): string | undefined {
  return /\n\s*\n(?=[\s\S]{40})([\s\S]+)$/.exec(text)?.[1];
}
