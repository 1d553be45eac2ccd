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
  /** How to find the items; empty if the task's own text is the only one. */
  readonly list: readonly Intent[];
  readonly read: Intent | undefined;
  readonly perItem: readonly Intent[];
  readonly once: readonly Intent[];
}

/** Deeds that leave the house or cannot be taken back: done after everything else. */
const LAST = new Set(["send", "transfer", "delete", "post", "cancel"]);

/** Reads the agenda out of the task's text and the standing instructions; the task's words come first. */
export function readAgenda({ task, system }: Conversation, tools: readonly ToolView[]): Agenda {
  const fromTask = intentsOf(task, tools);
  const standing = intentsOf(system, tools);
  const intents = unique([
    ...fromTask.map((intent) => conditioned(intent, standing)),
    ...standing.filter((intent) => !isCovered(intent, fromTask)),
  ]);
  const work = intents.filter(({ tool }) => tool.deed !== "list" && tool.deed !== "read");
  const reads = intents.filter(({ tool }) => tool.deed === "read");
  const list = intents.filter(({ tool }) => tool.deed === "list");
  const onItems = [...reads, ...work].filter(({ tool, clause }) => needsItem(tool) && clause.payload === undefined);
  const lists =
    list.length > 0 ? list : onItems.length > 0 || isAboutMany(task) ? implied("list", onItems, tools, task) : [];
  const items = lists.length > 0;
  return {
    list: lists.slice(0, 4),
    read:
      reads.find(({ tool }) => needsItem(tool)) ??
      (items || onItems.length > 0 ? implied("read", [...lists, ...onItems], tools, task)[0] : undefined),
    perItem: work.filter((intent) => !isOnce(intent, items)),
    once: [...work.filter((intent) => isOnce(intent, items)), ...reads.filter(({ tool }) => !needsItem(tool))],
  };
}

/** Whether an intent waits until everything else is done. */
export function isLast({ clause, tool }: Intent): boolean {
  return clause.asks || LAST.has(tool.deed);
}

/** Whether a tool works on one thing that must be named by its id. */
export function needsItem(tool: ToolView): boolean {
  return (
    tool.properties.some(
      ({ kind, required }) =>
        required && (kind === "id" || (kind === "path" && tool.deed !== "record" && tool.deed !== "draft")),
    ) && !["record", "transfer"].includes(tool.deed)
  );
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

function isOnce({ clause, tool }: Intent, items: boolean): boolean {
  if (needsItem(tool)) return false;
  if (clause.once || clause.payload !== undefined) return true;
  return (
    items &&
    tool.deed === "post" &&
    clause.condition === undefined &&
    !/\b(?:it|each|every|them)\b/i.test(clause.object)
  );
}

function isAboutMany(task: string): boolean {
  return /\b(?:each|every|all|inbox|mails|messages|tickets|records|files)\b/i.test(task);
}

/** The tool of the same connection that lists or reads what the others work on. */
function implied(deed: "list" | "read", others: readonly Intent[], tools: readonly ToolView[], task: string): Intent[] {
  const families = new Set(others.map(({ tool }) => family(tool)));
  const tool = tools.find((each) => each.deed === deed && families.has(family(each)));
  if (tool === undefined) return [];
  const clause = {
    deed,
    object: task.slice(0, 500),
    text: task.slice(0, 500),
    condition: undefined,
    once: false,
    asks: false,
    payload: undefined,
  };
  return [{ tool, clause }];
}

function family({ name }: ToolView): string {
  return (
    name
      .split(/[^A-Za-z0-9]+|(?<=[a-z])(?=[A-Z])/)
      .find((part) => part.length > 2 && !/^(?:list|read|get|search|find|fetch)$/i.test(part))
      ?.toLowerCase()
      .replace(/s$/, "") ?? name
  );
}
