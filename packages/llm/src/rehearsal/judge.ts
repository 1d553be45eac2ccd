import type { Clause } from "./clauses.ts";
import { field, type Item } from "./items.ts";
import { categoriesOf, NEUTRAL, POINTERS, stem, wordsOf } from "./lexicon.ts";
import { memo } from "./memo.ts";

const patternOf = memo(
  (term) => new RegExp(`(?<![A-Za-z])${term.replace(/[^\w\s-]/g, ".")}(?:s|es)?(?![A-Za-z])`, "gi"),
);
const HOLDS_FROM = 2;
const NEUTRAL_WEIGHT = 1.5;
const SUBJECT_WEIGHT = 2;
const MAX_TEXT = 8_000;
const ANSWER = /\b(?:answer|reply|replies|respon\w*)\b/i;
const ASKING =
  /\?(?:\s|$)|\b(?:please (?:let|reply|send|advise|confirm|answer)|let me know|could you|can you|would you|rsvp|looking forward|need your)\b/i;
const BULK =
  /\b(?:unsubscribe|list-id|newsletter|do not reply|no-?reply|bulk|opt-?(?:in|out)|mailing list|remove yourself)\b/i;

/** Which of the choices fits: the one that the clause names, else the one that the item's text speaks for. */
export function choose(choices: readonly string[], clause: Clause, item: Item): string {
  const named = choices.filter((choice) => mentions(clause.text, choice));
  const [only] = named;
  if (named.length === 1 && only !== undefined) return only;
  const open = named.length > 1 ? named : choices;
  const fallback = /\b(?:otherwise|else|by default|in doubt)\W+(\w+)/i.exec(clause.text)?.[1]?.toLowerCase();
  const scored = open.map((choice) => ({ choice, score: weight(choice, item, fallback) }));
  return scored.reduce(
    (best, each) => (each.score > best.score ? each : best),
    scored[0] ?? { choice: "other", score: 0 },
  ).choice;
}

/** "otherwise" and its like name the choice for whatever nothing else speaks for. */
function weight(choice: string, item: Item, fallback: string | undefined): number {
  if (choice.toLowerCase() === fallback) return NEUTRAL_WEIGHT;
  return evidence(choice, item) + (fallback === undefined && NEUTRAL.has(choice.toLowerCase()) ? NEUTRAL_WEIGHT : 0);
}

/** Whether an item meets a clause's condition, by the words in its text. */
export function holds(condition: string | undefined, item: Item): boolean {
  if (condition === undefined) return true;
  const met = affirmed(condition, item);
  return /\b(?:not|no|isn't|doesn't|neither)\b/i.test(condition) ? !met : met;
}

/** How much a text speaks for a choice: words of its category, and its own. */
export function evidence(choice: string, item: Item): number {
  const words = choice.match(/[A-Za-z]+/g) ?? [];
  const terms = new Set([...words.map((word) => word.toLowerCase()), ...words.flatMap(categoriesOf).flatMap(wordsOf)]);
  const subject = field(item, "subject", "title", "name", "summary") ?? "";
  const text = item.text.slice(0, MAX_TEXT);
  const found = [...terms].reduce(
    (sum, term) => sum + Math.min(count(text, term), 2) + SUBJECT_WEIGHT * Math.min(count(subject, term), 1),
    0,
  );
  return found + (words.some((word) => word.toLowerCase() === "spam") ? shouting(subject) : 0);
}

/** Whether somebody waits for an answer: a question or request, not sent in bulk. */
export function needsAnswer(item: Item): boolean {
  const text = ownWords(item.text).slice(0, MAX_TEXT);
  const from = field(item, "from", "sender", "author") ?? item.facts.emails[0] ?? "";
  return ASKING.test(text) && !BULK.test(text) && !BULK.test(from) && evidence("spam", item) < 6;
}

function affirmed(condition: string, item: Item): boolean {
  if (ANSWER.test(condition)) return needsAnswer(item);
  const words = (condition.match(/[A-Za-z]+/g) ?? []).filter((word) => !POINTERS.has(stem(word)));
  const categories = [...new Set(words.flatMap(categoriesOf))];
  if (categories.length > 0) return categories.some((category) => evidence(category, item) >= HOLDS_FROM);
  return words.length === 0 || words.some((word) => count(item.text, stem(word)) > 0);
}

function ownWords(text: string): string {
  return text.replace(/^\s*[>|].*$/gm, "");
}

function mentions(text: string, choice: string): boolean {
  return (
    count(text, choice) > 0 ||
    (/^[a-z]+$/i.test(choice) && text.split(/[^A-Za-z]+/).some((word) => stem(word) === stem(choice)))
  );
}

function count(text: string, term: string): number {
  return text.match(patternOf(term))?.length ?? 0;
}

function shouting(subject: string): number {
  const capitals = subject.replace(/[^A-Z]/g, "").length;
  return (/[!$]{1,}/.test(subject) ? 2 : 0) + (capitals > 10 && capitals > subject.length / 2 ? 2 : 0);
}
