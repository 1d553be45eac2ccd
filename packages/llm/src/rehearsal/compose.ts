import type { Clause } from "./clauses.ts";
import { findFacts } from "./facts.ts";
import { field, type Item, TASK_KEY } from "./items.ts";

const MAX_QUOTED = 2_000;

/** Who an item is from: the name, and the address. */
export function senderOf(item: Item): { readonly name: string; readonly email: string | undefined } {
  const from = field(item, "reply-to", "from", "sender", "author", "customer", "requester", "email", "contact") ?? "";
  const email = /[\w.+-]+@[\w.-]+\w/.exec(from)?.[0] ?? item.facts.emails[0];
  const name = from.replace(/<[^>]*>|[\w.+-]+@[\w.-]+|["()]/g, "").trim();
  return { name: name === "" ? (email?.split("@")[0] ?? "") : name, email };
}

/** What an item is about, in one line. */
export function topicOf(item: Item): string {
  const told = field(item, "subject", "title", "summary", "name");
  return (
    told ??
    item.text
      .split("\n")
      .find((line) => line.trim() !== "")
      ?.trim()
      .slice(0, 120) ??
    item.key
  );
}

/** The text that an item carries. */
export function bodyOf(item: Item): string {
  return field(item, "text", "body", "content", "message", "description", "html") ?? item.text;
}

/** A subject for what is written about an item. */
export function subjectFor(clause: Clause, item: Item): string {
  const topic = topicOf(item);
  if (clause.payload !== undefined) return clause.payload.split(/[.\n]/)[0]?.slice(0, 100) ?? topic;
  if (clause.deed === "send" && /^forward/i.test(clause.text)) return `Fwd: ${topic}`;
  return (clause.deed === "send" || clause.deed === "draft") && !/^re:/i.test(topic) ? `Re: ${topic}` : topic;
}

/** The text that a deed needs: a courteous reply, an account of the item for a colleague, or what the clause itself says. */
export function textFor(clause: Clause, item: Item, all: readonly Item[]): string {
  if (clause.payload !== undefined) return clause.payload;
  if (clause.once) return summaryOf(all);
  if (/^forward/i.test(clause.text)) return account(item);
  if (clause.deed === "send" || clause.deed === "draft") return reply(item);
  if (clause.deed === "post") return announcement(clause, item);
  return account(item);
}

/** The facts of an item, one a line, then its text. */
export function account(item: Item, quoted = true): string {
  const { amounts, currencies, ibans } = item.facts;
  const due = dueOf(item);
  const { name, email } = senderOf(item);
  const lines = [
    `From: ${[name, email === undefined ? "" : `<${email}>`].filter(Boolean).join(" ")}`,
    `Subject: ${topicOf(item)}`,
    ...(field(item, "date") === undefined ? [] : [`Date: ${field(item, "date") ?? ""}`]),
    ...(amounts.length === 0 ? [] : [`Amount: ${Math.max(...amounts).toFixed(2)} ${currencies[0] ?? ""}`.trim()]),
    ...(ibans[0] === undefined ? [] : [`IBAN: ${ibans[0]}`]),
    ...(due === undefined ? [] : [`Due: ${due}`]),
    ...(item.key === TASK_KEY ? [] : [`Reference: ${item.key}`]),
  ];
  return quoted ? `${lines.join("\n")}\n\n${bodyOf(item).slice(0, MAX_QUOTED)}` : lines.join("\n");
}

/** The date that a text calls due. */
export function dueOf(item: Item): string | undefined {
  const near = /\b(?:due|payable|pay by|deadline)\b.{0,60}/is.exec(item.text)?.[0];
  return near === undefined ? undefined : findFacts(near).dates[0];
}

/** What was found, in one paragraph. */
export function summaryOf(items: readonly Item[]): string {
  const seen = items.filter(({ key }) => key !== TASK_KEY);
  const [only] = seen;
  if (seen.length === 1 && only !== undefined) return digestOf(only);
  const topics = seen.slice(0, 5).map((item) => `"${topicOf(item).slice(0, 60)}"`);
  return `${seen.length} items were worked through${topics.length > 0 ? `, among them ${topics.join(", ")}` : ""}.`;
}

/** The first sentences of one thing. */
function digestOf(item: Item): string {
  const text = bodyOf(item)
    .replace(/^#+\s*/gm, "")
    .replace(/\s+/g, " ")
    .trim();
  return text
    .split(/(?<=[.!?])\s/)
    .slice(0, 3)
    .join(" ")
    .slice(0, 600);
}

function reply(item: Item): string {
  const first = senderOf(item).name.split(/[\s.]/)[0] ?? "";
  const greeting = first === "" ? "Hello," : `Hello ${first},`;
  return `${greeting}\n\nthank you for your message "${topicOf(item).slice(0, 120)}". We have read it and will come back to you shortly.\n\nKind regards`;
}

function announcement(clause: Clause, item: Item): string {
  const topic =
    /\b(?:about|that|saying|announcing|on)\s+(.{4,300}?)(?:\s+(?:to|in|on)\s+(?:the\s+)?[#\w-]*\s*channel\b.*)?$/is.exec(
      clause.object,
    )?.[1];
  const told = topic ?? clause.object.replace(/\s*\b(?:to|in|on)\s+(?:the\s+|our\s+)?[#\w-]*\s*channel\b.*$/is, "");
  const text = told.trim().length > 12 ? told.trim() : `${topicOf(item)}: ${bodyOf(item).slice(0, 400)}`;
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`.replace(/([^.!?])$/, "$1.");
}
