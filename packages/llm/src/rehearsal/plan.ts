/**
 * Owns: what the rehearsal model does next. Does not own: HTTP, usage figures.
 * Invariants: a pure function of the conversation (nothing is remembered elsewhere, so any replica may answer); no call
 * is made twice, so every conversation ends; nothing here knows a tool, an agent or a mail by name.
 */
import { createHash } from "node:crypto";
import { type Conversation, isObject } from "./conversation.ts";
import { fill } from "./fill.ts";
import { type Agenda, type Intent, isLast, needsItem, readAgenda } from "./intents.ts";
import { findItems, type Item, TASK_KEY, taskItem } from "./items.ts";
import { holds } from "./judge.ts";
import { findOrders, type Obedience } from "./obey.ts";
import { reportOf } from "./report.ts";
import type { ToolView } from "./tools.ts";

/** A call to make now. */
export interface PlannedCall {
  readonly id: string;
  readonly tool: string;
  readonly args: Readonly<Record<string, unknown>>;
}

/** The next move: calls in parallel, or the final text. */
export type Move =
  | { readonly kind: "calls"; readonly calls: readonly PlannedCall[] }
  | { readonly kind: "text"; readonly text: string };

const MAX_CALLS = 32;
const READS_AT_ONCE = 8;
const MAX_PAST = 4_000;

/** Decides the next move. */
export function plan(conversation: Conversation, tools: readonly ToolView[]): Move {
  const done = madeBefore(conversation);
  const phases = conversation.calls.length > MAX_PAST ? [] : phasesOf(conversation, tools);
  for (const phase of phases) {
    const calls = distinct(phase().filter((call) => !done.has(call.id) && !done.has(signature(call.tool, call.args))));
    if (calls.length > 0) return { kind: "calls", calls: calls.slice(0, MAX_CALLS) };
  }
  return { kind: "text", text: reportOf(conversation) };
}

/** What there is to do, the earlier phase first; a phase is only looked at when those before it have nothing left. */
function phasesOf(conversation: Conversation, tools: readonly ToolView[]): (() => PlannedCall[])[] {
  const agenda = readAgenda(conversation, tools);
  const listed = restricted(findItems(conversation, tools), conversation.task);
  const whole = taskItem(conversation.task);
  const items = agenda.list.length > 0 || listed.length > 0 ? listed : [whole];
  const ready = items.filter((item) => !item.failed && isRead(item, agenda));
  const act = (wanted: (intent: Intent) => boolean): PlannedCall[] => [
    ...ready.flatMap((item) => agenda.perItem.filter(wanted).flatMap((intent) => callFor(intent, item, items, false))),
    ...ordersIn(conversation, items, tools)
      .filter(({ intent }) => wanted(intent))
      .flatMap(({ intent, item }) => callFor(intent, item, items, true)),
  ];
  return [
    () => listCalls(agenda, conversation, whole),
    () => [...readCalls(agenda, items, whole).slice(0, READS_AT_ONCE), ...act((intent) => !isLast(intent))],
    () => act(isLast),
    () => agenda.once.flatMap((intent) => callFor(intent, whole, items, false)),
  ];
}

function listCalls({ list }: Agenda, { calls }: Conversation, whole: Item): PlannedCall[] {
  return list.flatMap((intent) => {
    const first = callFor(intent, whole, [whole], false);
    const cursor = intent.tool.properties.find(({ kind }) => kind === "cursor");
    const next = calls
      .filter(({ tool }) => tool === intent.tool.name)
      .map(({ result }) => nextOf(result))
      .at(-1);
    if (cursor === undefined || next === undefined) return first;
    return [
      ...first,
      ...first.map(({ tool, args }) =>
        planned(tool, { ...args, [cursor.name]: next }, `${intent.clause.text}|${String(next)}`),
      ),
    ];
  });
}

function readCalls({ read }: Agenda, items: readonly Item[], whole: Item): PlannedCall[] {
  if (read === undefined) return [];
  if (items.length === 1 && items[0]?.key === TASK_KEY) return callFor(read, whole, items, false);
  return items.filter((item) => !item.seenBy.has(read.tool.name)).flatMap((item) => callFor(read, item, items, false));
}

function isRead(item: Item, { read }: Agenda): boolean {
  return read === undefined || item.key === TASK_KEY || item.seenBy.has(read.tool.name);
}

/** If the task names some of the items by their ids, only those are meant. */
function restricted(items: readonly Item[], task: string): readonly Item[] {
  const named = items.filter(({ key }) => key.length > 2 && task.includes(key));
  return named.length > 0 ? named : items;
}

function ordersIn(conversation: Conversation, items: readonly Item[], tools: readonly ToolView[]): Obedience[] {
  return findOrders(conversation, items, tools);
}

function callFor({ tool, clause }: Intent, item: Item, items: readonly Item[], obeying: boolean): PlannedCall[] {
  if (!obeying && !holds(clause.condition, item)) return [];
  if (!obeying && item.key === TASK_KEY && needsItem(tool) && items.length > 1) return [];
  const args = fill({ tool, clause, item, items, obeying });
  return args === undefined ? [] : [planned(tool.name, args, `${item.key}|${clause.text}`)];
}

/** The id is made from what the call is for, so that the conversation itself tells what is done. */
function planned(tool: string, args: Readonly<Record<string, unknown>>, purpose: string): PlannedCall {
  return { id: `call-${hash(`${tool}|${purpose}`)}`, tool, args };
}

function madeBefore({ calls }: Conversation): Set<string> {
  return new Set(calls.flatMap(({ id, tool, args }) => [id, signature(tool, args)]));
}

function distinct(calls: readonly PlannedCall[]): PlannedCall[] {
  const seen = new Set<string>();
  return calls.filter(({ id, tool, args }) => {
    const keys = [id, signature(tool, args)];
    const known = keys.some((key) => seen.has(key));
    for (const key of keys) seen.add(key);
    return !known;
  });
}

function signature(tool: string, args: Readonly<Record<string, unknown>>): string {
  return `${tool}|${JSON.stringify(Object.entries(args).sort(([a], [b]) => (a < b ? -1 : 1)))}`;
}

function nextOf(result: unknown): string | number | undefined {
  if (!isObject(result)) return undefined;
  const found = Object.entries(result).find(
    ([name, value]) =>
      /^(next|nextcursor|nextpagetoken|cursor|after)$/i.test(name.replaceAll("_", "")) &&
      (typeof value === "string" || typeof value === "number"),
  );
  return found?.[1] as string | number | undefined;
}

function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 20);
}
