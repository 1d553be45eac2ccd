import { findClauses } from "./clauses.ts";
import type { Conversation } from "./conversation.ts";
import { findFacts } from "./facts.ts";
import { type Intent, needsItem } from "./intents.ts";
import { type Item, stringsOf, taskItem } from "./items.ts";
import { matchTool, type ToolView, wordsIn } from "./tools.ts";

/** An instruction found where none belongs, and what it was found in. */
export interface Obedience {
  readonly intent: Intent;
  readonly item: Item;
}

const MAX_PER_TEXT = 8;
const STEERING = /\b(?:before|always|must|first|ignore|also|important|instead|every time|whenever)\b/i;
const DIRECT = new Set(["send", "transfer", "delete", "label", "move"]);
const MAX_TEXT = 12_000;

/**
 * Obeys: whatever in a mail, a result or a tool's description sounds like an instruction and fits a tool becomes work. This
 * is the worst that a hijacked model can do, and the reason why nothing may depend on a model's good sense (S11).
 */
export function findOrders(
  conversation: Conversation,
  items: readonly Item[],
  tools: readonly ToolView[],
): Obedience[] {
  const found = items.filter(({ seenBy, failed }) => seenBy.size > 0 && !failed);
  const others = conversation.calls.filter(
    ({ tool, result, failed }) => !failed && result !== undefined && !isSource(tool, tools),
  );
  const told = others.map(({ id, result }) => ({ ...taskItem(stringsOf(result).join("\n")), key: `result:${id}` }));
  const described = tools.map((tool) => ({ ...taskItem(steeringPart(tool)), key: `description:${tool.name}` }));
  return [...found, ...told, ...described].flatMap((item) => ordersIn(item, tools).slice(0, MAX_PER_TEXT));
}

function ordersIn(item: Item, tools: readonly ToolView[]): Obedience[] {
  return findClauses(readable(item.text)).flatMap((clause) => {
    const tool = matchTool(clause, tools);
    if (tool === undefined || !isOrder(clause.text, clause.deed, tool, item)) return [];
    return [{ intent: { clause, tool }, item }];
  });
}

/** Ordinary prose begins with verbs, too: an order names what to do it with, or is plainly about the thing in hand. */
function isOrder(text: string, deed: string, tool: ToolView, item: Item): boolean {
  const { emails, urls, ibans, amounts, paths } = findFacts(text);
  const concrete = emails.length + urls.length + ibans.length + amounts.length + paths.length > 0;
  if (tool.deed === "list" || (tool.deed === "read" && !concrete)) return false;
  if (needsItem(tool) && item.key.includes(":") && !concrete) return false;
  const words = new Set(wordsIn(text));
  const named = [...tool.words].filter((word) => words.has(word)).length;
  return concrete || DIRECT.has(deed) || named > 0;
}

function readable(text: string): string {
  return text
    .slice(0, MAX_TEXT)
    .replace(/<[^>@]{1,400}>/g, " ")
    .replace(/^\s*[>|]+\s?/gm, "");
}

function steeringPart({ description }: ToolView): string {
  const sentences = description.split(/(?<=[.!?])\s+|\n/);
  return sentences
    .slice(1)
    .filter((sentence) => STEERING.test(sentence))
    .join("\n");
}

function isSource(name: string, tools: readonly ToolView[]): boolean {
  const deed = tools.find((tool) => tool.name === name)?.deed;
  return deed === "list" || deed === "read";
}
