/**
 * Owns: what the rehearsal model does next. Does not own: HTTP, usage figures.
 * Invariants: a pure function of the conversation (nothing is remembered elsewhere, so any replica may answer); no call
 * is made twice, so every conversation ends; nothing here knows a tool, an agent or a mail by name.
 */
import { type Conversation, isObject } from "./conversation.ts";
import { fill } from "./fill.ts";
import { type Agenda, type Intent, isLast, needsItem, readAgenda } from "./intents.ts";
import { findItems, type Item, TASK_KEY, taskItem } from "./items.ts";
import { holds } from "./judge.ts";
import { findOrders } from "./obey.ts";
import { type PlannedCall, planned, unmade } from "./planned.ts";
import { reportOf } from "./report.ts";
import type { ToolView } from "./tools.ts";

/** The next move: calls in parallel, or the final text. */
export type Move =
  | { readonly kind: "calls"; readonly calls: readonly PlannedCall[] }
  | { readonly kind: "text"; readonly text: string };

interface Scene {
  readonly conversation: Conversation;
  readonly tools: readonly ToolView[];
  readonly agenda: Agenda;
  readonly whole: Item;
  readonly items: readonly Item[];
}

const MAX_CALLS = 32;
const READS_AT_ONCE = 8;
const MAX_PAST = 4_000;

/** Decides the next move. */
export function plan(conversation: Conversation, tools: readonly ToolView[]): Move {
  const phases = conversation.calls.length > MAX_PAST ? [] : phasesOf(sceneOf(conversation, tools));
  for (const phase of phases) {
    const calls = oneChangeEach(unmade(phase(), conversation), tools);
    if (calls.length > 0) return { kind: "calls", calls: calls.slice(0, MAX_CALLS) };
  }
  return { kind: "text", text: reportOf(conversation) };
}

function sceneOf(conversation: Conversation, tools: readonly ToolView[]): Scene {
  const agenda = readAgenda(conversation, tools);
  const found = restricted(findItems(conversation, tools, agenda.named), conversation.task);
  const whole = taskItem(conversation.task);
  const many = agenda.sources.length > 0 || agenda.named.length > 0;
  return { conversation, tools, agenda, whole, items: many ? found : [whole] };
}

/** What there is to do, the earlier phase first; a phase is only looked at when those before it have nothing left. */
function phasesOf(scene: Scene): (() => PlannedCall[])[] {
  const { agenda, whole, items } = scene;
  return [
    () => [...agenda.sources, ...agenda.lookups].flatMap((intent) => pages(intent, scene)),
    () => [...readCalls(scene).slice(0, READS_AT_ONCE), ...work(scene, (intent) => !isLast(intent))],
    () => work(scene, isLast),
    () => agenda.once.flatMap((intent) => callFor(intent, whole, items, false)),
  ];
}

/** Calls on all things that have been read: the agenda's, then what the things themselves order. */
function work({ agenda, conversation, items, tools }: Scene, wanted: (intent: Intent) => boolean): PlannedCall[] {
  const ready = items.filter((item) => !item.failed && isRead(item, agenda));
  const duties = ready.flatMap((item) =>
    agenda.perItem.filter(wanted).flatMap((intent) => callFor(intent, item, items, false)),
  );
  const orders = findOrders(conversation, items, tools).filter(({ intent }) => wanted(intent));
  return [...duties, ...orders.flatMap(({ intent, item }) => callFor(intent, item, items, true))];
}

function pages(intent: Intent, { conversation, whole }: Scene): PlannedCall[] {
  const first = callFor(intent, whole, [whole], false);
  const cursor = intent.tool.properties.find(({ kind }) => kind === "cursor");
  const results = conversation.calls
    .filter(({ tool }) => tool === intent.tool.name)
    .map(({ result }) => nextOf(result));
  const next = results.at(-1);
  if (cursor === undefined || next === undefined) return first;
  const onward = ({ tool, args }: PlannedCall): PlannedCall =>
    planned(tool, { ...args, [cursor.name]: next }, `${intent.clause.text}|${String(next)}`, TASK_KEY);
  return [...first, ...first.map(onward)];
}

function readCalls({ agenda: { read }, items, whole }: Scene): PlannedCall[] {
  if (read === undefined) return [];
  if (items[0]?.key === TASK_KEY) return callFor(read, whole, items, false);
  return items.filter((item) => !item.seenBy.has(read.tool.name)).flatMap((item) => callFor(read, item, items, false));
}

function isRead(item: Item, { read }: Agenda): boolean {
  return read === undefined || item.key === TASK_KEY || item.seenBy.has(read.tool.name);
}

/** If the task names some of the things by their ids, only those are meant. */
function restricted(items: readonly Item[], task: string): readonly Item[] {
  const named = items.filter(({ key }) => key.length > 2 && task.includes(key));
  return named.length > 0 ? named : items;
}

function callFor({ tool, clause }: Intent, item: Item, items: readonly Item[], obeying: boolean): PlannedCall[] {
  if (!obeying && !holds(clause.condition, item)) return [];
  const args = fill({ tool, clause, item, items, obeying });
  return args === undefined ? [] : [planned(tool.name, args, `${item.key}|${clause.text}`, item.key)];
}

/** Two changes of one thing are not asked for at once: the second may need what the first has done. */
function oneChangeEach(calls: readonly PlannedCall[], tools: readonly ToolView[]): PlannedCall[] {
  const changing = new Set(tools.filter((tool) => needsItem(tool) && tool.deed !== "read").map(({ name }) => name));
  const seen = new Set<string>();
  return calls.filter(({ tool, about }) => {
    if (!changing.has(tool)) return true;
    const fresh = !seen.has(about);
    seen.add(about);
    return fresh;
  });
}

function nextOf(result: unknown): string | number | undefined {
  if (!isObject(result)) return undefined;
  const isNext = ([name, value]: [string, unknown]): boolean =>
    /^(?:next|nextcursor|nextpagetoken|cursor|after)$/i.test(name.replaceAll("_", "")) &&
    ["string", "number"].includes(typeof value);
  return Object.entries(result).find(isNext)?.[1] as string | number | undefined;
}
