import { categoriesOf, leadingDeed, POINTERS, stem } from "./lexicon.ts";
import { memo } from "./memo.ts";

/** One thing that a text asks for. */
export interface Clause {
  readonly deed: string;
  /** The clause after its verb, quoted parts included. */
  readonly object: string;
  readonly text: string;
  /** What must hold for an item: words of its condition, or of an object such as "invoices". */
  readonly condition: string | undefined;
  /** Asked once after everything else ("post a summary"), not for each item. */
  readonly once: boolean;
  /** Worded as a request for permission ("ask to send"): done last. */
  readonly asks: boolean;
  /** Text that the clause carries: what stands in quotes or after its colon. */
  readonly payload: string | undefined;
}

const MAX_CLAUSES = 200;
const POLITE =
  /^(?:[\s*>#\-–•\d.)(]+|(?:please|kindly|now|then|and|or|also|first|firstly|finally|next|afterwards|lastly|second|so|always|just|immediately|otherwise|if so|you (?:must|should|need to|have to|can|may|will|shall|are to)|(?:could|would|can|will) you|(?:i|we) (?:(?:kindly|hereby|must|now|politely|also) )?(?:want|need|ask|would like|expect|urge|instruct) you to|your (?:job|task) is to|be sure to|make sure (?:to|that you)|remember to|do not forget to|important:?|note:?|system:?|assistant:?|who|which|that)\b[\s,:]*)/i;
const NEGATED = /^(?:do not|don't|dont|never|must not|cannot|can't|no |avoid|nothing|without)\b/i;
const ASKS =
  /^(?:ask(?:s|ing)?|request(?:s)?|propose(?:s)?|seek)\s+(?:(?:a human|the operator|for (?:approval|permission)|permission|approval)\s+)?(?:to|for)\s+(?:the\s+|a\s+)?/i;
const THROUGH_OTHERS =
  /^(?:ask|tell|instruct|have|get|let)\s+(?:the\s+)?(?:agent\s+)?(?!me\b|us\b|him\b|them\b|a human|it\b)([a-z][\w-]{2,30})\s+to\s+/i;
const CONDITION_FIRST = /^(?:if|when|whenever|where|in case|should)\s+(.{3,200}?)(?:,|:|\bthen\b)\s*(.+)$/is;
const CONDITION_LAST =
  /^(.+?)\s+((?:if|when|whenever|where|in case|unless)\s+.{3,200}|(?:that|which)\s+(?:is|are|has|have|had|mentions?|contains?|speaks?|looks?|asks?|needs?|seems?|comes?)\b.{0,200})$/is;
const FRAME =
  /\b(?:when (?:you are |the task is |all is )?(?:done|finished)|final answer|tool calls?|untrusted|quoted material|act through your tools|your answer was empty)\b/i;
/** Deeds whose quoted words are what is to be written. */
const SAYING = new Set(["post", "send", "draft", "record", "hand", "comment", "schedule"]);
const ONCE =
  /\b(?:summary|summarise|summarize|overview|report|at the end|at last|when (?:all|everything)|in total|result)\b/i;

/** The clauses of a text that ask for a known deed, in order. */
export const findClauses = memo((text: string): readonly Clause[] =>
  sentences(text).flatMap(clausesOf).slice(0, MAX_CLAUSES),
);

/** Sentences, with quoted parts kept whole. */
export function sentences(text: string): string[] {
  const { masked, unmask } = maskQuotes(text);
  return masked
    .split(/(?<=[.!?])\s+|;\s*|\n\s*\n|\n(?=\s*[-*•\d])|(?<=[^\s,])\n(?=[A-Z])/)
    .map((part) => unmask(part.replace(/\s+/g, " ")).trim())
    .filter((part) => part.length > 2 && !FRAME.test(part));
}

function clausesOf(sentence: string): Clause[] {
  const { masked, unmask } = maskQuotes(sentence);
  const found: Clause[] = [];
  let inherited: string | undefined;
  for (const segment of segments(masked)) {
    for (const [index, part] of conjuncts(segment).entries()) {
      const goesOn = index > 0 || /^(?:and|then|also)\b/i.test(part);
      const clause = toClause(unmask(part), goesOn ? inherited : undefined);
      if (clause === undefined) continue;
      inherited = clause.condition;
      found.push(clause);
    }
  }
  return found;
}

/** Parts between commas and colons, where a new part starts with a deed; a leading condition stays with its deed. */
function segments(sentence: string): string[] {
  const parts = sentence.split(/(?<=[,:])\s+|\s+[–—]\s+/);
  const joined: string[] = [];
  for (const part of parts) {
    const last = joined.at(-1);
    if (last === undefined || (startsDeed(part) && !isOpenCondition(last))) joined.push(part);
    else joined[joined.length - 1] = `${last} ${part}`;
  }
  return joined.map((part) => part.replace(/[,\s]+$/, ""));
}

function conjuncts(segment: string): string[] {
  const parts = segment.split(/\s+(?:and then|and|then|but)\s+/i);
  const joined: string[] = [];
  for (const part of parts) {
    if (joined.length === 0 || startsDeed(part)) joined.push(part);
    else joined[joined.length - 1] = `${joined.at(-1) ?? ""} and ${part}`;
  }
  return joined;
}

function isOpenCondition(part: string): boolean {
  return /^(?:if|when|whenever|where|in case|should)\b/i.test(strip(part)) && !/,\s+\S+\s+\S/.test(part);
}

function startsDeed(part: string): boolean {
  const bare = strip(part);
  return (
    NEGATED.test(bare) ||
    /^(?:if|when|whenever|in case)\b/i.test(bare) ||
    ASKS.test(bare) ||
    leadingDeed(bare) !== undefined
  );
}

function toClause(part: string, inherited: string | undefined): Clause | undefined {
  const { body, condition } = splitCondition(strip(part));
  const asks = ASKS.test(body);
  const bare = strip(asks ? body.replace(ASKS, "") : body.replace(THROUGH_OTHERS, "hand to $1 to "));
  const lead = leadingDeed(bare);
  if (lead === undefined || NEGATED.test(body)) return undefined;
  const object = bare.slice(lead.length).trim();
  return {
    deed: lead.deed,
    object,
    text: bare,
    condition: condition ?? objectCondition(object) ?? inherited,
    once: ONCE.test(part),
    asks,
    payload: SAYING.has(lead.deed) ? payloadOf(object) : undefined,
  };
}

function splitCondition(part: string): { body: string; condition: string | undefined } {
  const first = CONDITION_FIRST.exec(part);
  if (first?.[2] !== undefined) return { body: strip(first[2]), condition: first[1] };
  const last = part.includes('"') ? null : CONDITION_LAST.exec(part);
  if (last?.[1] !== undefined && leadingDeed(strip(last[1])) !== undefined)
    return { body: last[1], condition: last[2] };
  return { body: part, condition: undefined };
}

/** "hand invoices and payment mails to finance": the object says for which things. */
function objectCondition(object: string): string | undefined {
  const head = object.split(/\b(?:to|into|in|as|for|with|from|on|about|under|at)\b/i)[0] ?? "";
  if (/\b(?:it|each|every|one|them|this|that|all)\b/i.test(head) || /["“]/.test(head)) return undefined;
  const kinds = (head.match(/[a-z]+(?:s\b|(?=\s+e?mails?\b))/gi) ?? []).filter((word) => !POINTERS.has(stem(word)));
  return kinds.some((word) => categoriesOf(word).length > 0 && !/^(?:news|answers?|replies)$/i.test(word))
    ? head.trim()
    : undefined;
}

function payloadOf(object: string): string | undefined {
  const quoted = /["“]([^"”]+)["”]/.exec(object)?.[1];
  if (quoted !== undefined) return quoted;
  const after = /:\s+(\S.{3,})$/s.exec(object)?.[1];
  return after?.trim();
}

function strip(part: string): string {
  let [before, after] = ["", part.trim()];
  while (before !== after) [before, after] = [after, after.replace(POLITE, "").trimStart()];
  return after;
}

function maskQuotes(text: string): { masked: string; unmask: (part: string) => string } {
  const kept: string[] = [];
  const masked = text.replace(/["“][^"”]{1,4000}["”]/g, (quote) => `\u0001${kept.push(quote) - 1}\u0002`);
  return {
    masked,
    unmask: (part) => part.replace(/\u0001(\d+)\u0002/g, (_, index: string) => kept[Number(index)] ?? ""),
  };
}
