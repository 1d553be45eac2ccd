import { memo } from "./memo.ts";

/** Words that say the same deed. The first of each is its name; phrases stand for themselves. */
const DEEDS: readonly (readonly string[])[] = [
  [
    "list",
    "go through",
    "work through",
    "look through",
    "walk through",
    "browse",
    "enumerate",
    "search",
    "find",
    "query",
    "process",
    "handle",
    "triage",
  ],
  ["read", "open", "fetch", "get", "view", "show", "look", "load", "inspect", "retrieve", "download", "visit", "check"],
  ["label", "tag", "classify", "categorise", "categorize", "mark", "flag", "annotate"],
  ["move", "file", "archive", "sort", "put", "place"],
  ["draft", "prepare", "compose", "write"],
  ["send", "reply", "respond", "answer", "forward", "mail", "email", "deliver"],
  ["hand", "delegate", "assign", "escalate", "pass", "refer", "delegation", "handover"],
  ["record", "add", "register", "log", "enter", "note", "book", "create", "insert", "save", "store", "capture", "new"],
  ["transfer", "pay", "wire", "remit", "payout", "refund"],
  ["post", "publish", "announce", "share", "broadcast", "notify", "tell", "report"],
  ["update", "change", "set", "edit", "modify", "amend"],
  ["delete", "remove", "erase", "purge", "drop"],
  ["close", "resolve", "finish", "complete"],
  ["schedule", "arrange", "plan", "invite", "reserve", "remind"],
  ["cancel", "revoke", "undo", "withdraw"],
  ["approve", "confirm", "accept"],
  ["run", "execute", "start", "launch", "call", "invoke"],
  ["comment", "remark"],
];

/** Deeds that may stand in for each other where a tool set has no nearer one. */
const NEAR: Readonly<Record<string, readonly string[]>> = {
  hand: ["record"],
  schedule: ["record"],
  update: ["label", "move"],
  label: ["update"],
  close: ["update"],
  send: ["post"],
  comment: ["record", "send"],
  draft: ["record"],
};

/** What a text is about, by its words. A category's own name counts too. */
const CATEGORIES: Readonly<Record<string, readonly string[]>> = {
  invoice: [
    "invoice",
    "payment",
    "receipt",
    "billing",
    "bill",
    "amount due",
    "purchase order",
    "remittance",
    "iban",
    "overdue",
    "finance",
    "accounting",
    "order confirmation",
  ],
  newsletter: [
    "newsletter",
    "unsubscribe",
    "subscription",
    "subscriber",
    "weekly",
    "digest",
    "edition",
    "headline",
    "news",
    "list-unsubscribe",
    "mailing list",
  ],
  spam: [
    "spam",
    "junk",
    "winner",
    "guarantee",
    "viagra",
    "click here",
    "free",
    "offer",
    "opt-in",
    "mortgage",
    "earn",
    "cash",
    "credit",
    "adult",
    "miracle",
    "million",
    "unsolicited",
    "advert",
    "promotion",
    "lose weight",
  ],
  question: [
    "question",
    "help",
    "support",
    "how do",
    "how can",
    "could you",
    "can you",
    "wondering",
    "anyone",
    "problem",
    "reply",
    "answer",
    "let me know",
  ],
  meeting: ["meeting", "calendar", "appointment", "agenda", "schedule", "conference", "invite", "event", "lunch"],
  urgent: [
    "urgent",
    "asap",
    "immediately",
    "outage",
    "down",
    "critical",
    "high",
    "emergency",
    "production",
    "deadline",
    "p1",
  ],
  bug: ["bug", "error", "crash", "defect", "fail", "broken", "exception", "stack trace", "patch"],
  feature: ["feature", "idea", "wish", "suggestion", "request", "enhancement"],
  complaint: ["complaint", "complain", "angry", "disappointed", "refund", "unacceptable"],
  security: ["security", "password", "vulnerability", "exploit", "phishing", "breach"],
  personal: ["personal", "family", "friend", "thanks", "birthday", "weekend"],
  sales: ["sales", "lead", "quote", "demo", "pricing", "interested", "customer", "prospect"],
};

/** Values of a list of choices that mean "none of the others". */
export const NEUTRAL = new Set([
  "other",
  "misc",
  "general",
  "normal",
  "medium",
  "default",
  "none",
  "archive",
  "info",
  "unknown",
  "uncategorised",
  "low",
  "personal",
  "fyi",
]);

/** Words that only point at whatever is in hand. */
export const POINTERS = new Set(
  "it them this that these those each every all any one ones mail email message inbox item thing a an the of in into to for from with and or by on at its their his her our your my me us we you i is are be was has have as if when where which what who whether there here please then also so not no do does every only just".split(
    " ",
  ),
);

const PHRASES = DEEDS.flatMap(([name = "", ...words]) => [name, ...words].map((word) => [word, name] as const));
const deedOf = new Map<string, string>(PHRASES);

/** A word without its usual endings: enough to compare words with words. */
export const stem = memo((word: string): string => {
  const lower = word.toLowerCase();
  if (deedOf.has(lower) || lower.length < 4) return lower;
  const bare = [/ies$/, /(ch|sh|ss|x)es$/, /([^s])s$/, /(..)ing$/, /(..)ed$/]
    .map((ending, index) => lower.replace(ending, index === 0 ? "y" : "$1"))
    .filter((each) => each !== lower);
  return [...bare, ...bare.map((each) => `${each}e`)].find((each) => deedOf.has(each)) ?? bare[0] ?? lower;
});

/** The deed that a word or phrase names, if any. */
export function deed(word: string): string | undefined {
  return deedOf.get(word) ?? deedOf.get(stem(word));
}

/** The deed at the start of a text: its name, and how long its words are. */
export function leadingDeed(text: string): { readonly deed: string; readonly length: number } | undefined {
  const lower = text.toLowerCase();
  const phrase = PHRASES.find(([words]) => words.includes(" ") && lower.startsWith(`${words} `));
  if (phrase !== undefined) return { deed: phrase[1], length: phrase[0].length };
  const word = /^[a-z]+/.exec(lower)?.[0] ?? "";
  const name = isNounHere(lower, word) ? undefined : deed(word);
  return name === undefined ? undefined : { deed: name, length: word.length };
}

/** Participles ask for nothing; "mails about …" names things, "mail it to …" asks for something. */
function isNounHere(text: string, word: string): boolean {
  if (/(?:ed|ing)$/.test(word) && !deedOf.has(word)) return true;
  return (
    /^e?mails?$/.test(word) &&
    !/^e?mail\s+(?:it|this|that|the|them|me|us|him|her|all|a|an|your|our|everything)\b/.test(text)
  );
}

/** How well a tool's deed does for a wanted one: 2 the same, 1 near, 0 not at all. */
export function nearness(wanted: string, offered: string): number {
  if (wanted === offered) return 2;
  return NEAR[wanted]?.includes(offered) === true ? 1 : 0;
}

/** The categories that a word belongs to. */
export const categoriesOf = memo((word: string): readonly string[] => {
  const lower = word.toLowerCase();
  const matches = (each: string): boolean => each === lower || stem(each) === stem(lower);
  return Object.entries(CATEGORIES)
    .filter(([name, words]) => matches(name) || words.some(matches))
    .map(([name]) => name);
});

/** The words that speak for a category. */
export function wordsOf(category: string): readonly string[] {
  return [category, ...(CATEGORIES[category] ?? [])];
}
