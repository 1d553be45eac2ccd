import { type Clause, findClauses } from "./clauses.ts";
import type { Conversation } from "./conversation.ts";
import { categoriesOf } from "./lexicon.ts";
import { matchTool, type ToolView } from "./tools.ts";

/** A clause and the tool that does it. */
export interface Intent {
  readonly clause: Clause;
  readonly tool: ToolView;
}

/** Everything that is to be done, and where the things come from that it is done on. */
export interface Agenda {
  /** How to find the things; empty if the task names them, or is itself the only one. */
  readonly sources: readonly Intent[];
  /** Lists that are asked for, but are no source of work. */
  readonly lookups: readonly Intent[];
  readonly read: Intent | undefined;
  /** Ids of things that the task names. */
  readonly named: readonly string[];
  readonly perItem: readonly Intent[];
  readonly once: readonly Intent[];
}

/** Deeds that leave the house or cannot be taken back: done after everything else. */
const LAST = new Set(["send", "transfer", "delete", "post", "cancel"]);
/** Deeds that make something new: an id among their arguments is no thing to be found first. */
const MAKING = new Set(["record", "transfer", "draft", "send", "post", "schedule", "hand"]);
const MAX_NAMED = 500;

/** Reads the agenda out of the task's text and the standing instructions; the task's words come first. */
export function readAgenda(conversation: Conversation, tools: readonly ToolView[]): Agenda {
  const intents = allIntents(conversation, tools);
  const { task } = conversation;
  const work = intents.filter(({ tool }) => tool.deed !== "list" && tool.deed !== "read");
  const reads = intents.filter(({ tool }) => tool.deed === "read");
  const onItems = [...reads, ...work].filter(({ tool }) => needsItem(tool));
  const named = namedIds(task, [...onItems.map(({ tool }) => tool), ...readersOf(tools)]);
  const lists = intents.filter(({ tool }) => tool.deed === "list");
  const sources = lists.filter((intent) => isSource(intent, onItems, tools));
  const implied =
    sources.length === 0 && named.length === 0 && onItems.length > 0
      ? impliedBy("list", onItems, tools, task)
      : sources;
  const many = implied.length > 0 || named.length > 0;
  return {
    sources: named.length > 0 ? [] : implied.slice(0, 4),
    lookups: lists.filter((intent) => !sources.includes(intent) && mentions(intent.clause, intent.tool)).slice(0, 4),
    read:
      reads.find(({ tool }) => needsItem(tool)) ??
      (many || onItems.length > 0 ? impliedBy("read", [...implied, ...onItems], tools, task)[0] : undefined),
    named,
    perItem: work.filter((intent) => !isOnce(intent, many)),
    once: [...work.filter((intent) => isOnce(intent, many)), ...reads.filter(({ tool }) => !needsItem(tool))],
  };
}

/** Whether an intent waits until everything else is done. */
export function isLast({ clause, tool }: Intent): boolean {
  return clause.asks || LAST.has(tool.deed);
}

/** Whether a tool works on one thing that must be named by its id. */
export function needsItem(tool: ToolView): boolean {
  return (
    !MAKING.has(tool.deed) &&
    tool.properties.some(({ kind, required }) => required && (kind === "id" || kind === "path"))
  );
}

function allIntents({ task, system }: Conversation, tools: readonly ToolView[]): Intent[] {
  const fromTask = intentsOf(task, tools);
  const standing = intentsOf(system, tools);
  return unique([
    ...fromTask.map((intent) => conditioned(intent, standing)),
    ...standing.filter((intent) => !isCovered(intent, fromTask)),
  ]);
}

function intentsOf(text: string, tools: readonly ToolView[]): Intent[] {
  return findClauses(text).flatMap((clause) => {
    const tool = matchTool(clause, tools);
    return tool === undefined ? [] : [{ clause, tool }];
  });
}

function conditioned(intent: Intent, standing: readonly Intent[]): Intent {
  const same = standing.find(({ tool, clause }) => tool.name === intent.tool.name && clause.condition !== undefined);
  if (intent.clause.condition !== undefined || intent.clause.payload !== undefined || same === undefined) return intent;
  return { ...intent, clause: { ...intent.clause, condition: same.clause.condition } };
}

function isCovered({ tool }: Intent, by: readonly Intent[]): boolean {
  return by.some((each) => each.tool.name === tool.name);
}

/** One intent for each tool, condition and carried text. */
function unique(intents: readonly Intent[]): Intent[] {
  const keys = intents.map(({ tool, clause }) => {
    const about = (clause.condition?.match(/[A-Za-z]+/g) ?? []).flatMap(categoriesOf).sort().join();
    return `${tool.name}|${about}|${clause.payload ?? ""}|${clause.once}`;
  });
  return intents.filter((_, index) => keys.indexOf(keys[index] ?? "") === index);
}

function isOnce({ clause, tool }: Intent, many: boolean): boolean {
  if (needsItem(tool)) return false;
  if (clause.once || clause.payload !== undefined) return true;
  return (
    many && tool.deed === "post" && clause.condition === undefined && !/\b(?:it|each|every|them)\b/i.test(clause.object)
  );
}

/** A list is where the work comes from if something is done to its things, or it is to be gone through. */
function isSource({ clause, tool }: Intent, onItems: readonly Intent[], tools: readonly ToolView[]): boolean {
  const near = [...onItems.map((intent) => intent.tool), ...tools.filter(needsItem)].some(
    (each) => family(each) === family(tool),
  );
  return (
    (near && onItems.length > 0) ||
    (/\b(?:each|every|all|through)\b/i.test(clause.text) && tool.words.size > 0 && mentions(clause, tool)) ||
    (near && mentions(clause, tool))
  );
}

function mentions({ text }: Clause, { words, deed }: ToolView): boolean {
  return [...words].some((word) => word !== deed && new RegExp(`\\b${word.replace(/[^a-z]/g, "")}`, "i").test(text));
}

/** Ids in the task's text, as the tools that need one describe them; without a description, only what has digits in it. */
function namedIds(task: string, tools: readonly ToolView[]): string[] {
  const properties = tools
    .filter(needsItem)
    .flatMap((tool) => tool.properties.filter(({ kind, required }) => required && (kind === "id" || kind === "path")));
  const words = task.match(/(?<![\w@/.-])[A-Za-z0-9][\w./-]{1,99}(?![\w@])/g) ?? [];
  const bare = words.map((word) => word.replace(/[.,;:]+$/, ""));
  return [
    ...new Set(bare.filter((word) => properties.some(({ kind, schema }) => isNamed(word, kind, schema.pattern)))),
  ].slice(0, MAX_NAMED);
}

function isNamed(word: string, kind: string, pattern: string | undefined): boolean {
  if (kind === "path") return /\.[a-z0-9]{1,5}$/i.test(word) && !/^\d|^www\.|\.(?:com|org|net)$/i.test(word);
  if (!/\d/.test(word) || !/[A-Za-z]/.test(word) || word.includes("/")) return false;
  if (pattern !== undefined && pattern.length < 200 && /[^\\]-/.test(pattern))
    return new RegExp(pattern, "u").test(word);
  return /^[A-Za-z]{1,12}[-_#]?\d[\w-]*$/.test(word);
}

function readersOf(tools: readonly ToolView[]): ToolView[] {
  return tools.filter((tool) => tool.deed === "read" && needsItem(tool));
}

/** The tool of the same connection that lists or reads what the others work on. */
function impliedBy(
  deed: "list" | "read",
  others: readonly Intent[],
  tools: readonly ToolView[],
  task: string,
): Intent[] {
  const families = new Set(others.map(({ tool }) => family(tool)));
  const tool = tools.find((each) => each.deed === deed && families.has(family(each)));
  if (tool === undefined) return [];
  const text = task.slice(0, 500);
  return [
    { tool, clause: { deed, object: text, text, condition: undefined, once: false, asks: false, payload: undefined } },
  ];
}

function family({ name }: ToolView): string {
  const parts = name.split(/[^A-Za-z0-9]+|(?<=[a-z])(?=[A-Z])/);
  return (
    parts
      .find((part) => part.length > 2 && !/^(?:list|read|get|search|find|fetch|show|open|all)$/i.test(part))
      ?.toLowerCase()
      .replace(/s$/, "") ?? name
  );
}
