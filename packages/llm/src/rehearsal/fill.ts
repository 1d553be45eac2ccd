import type { Clause } from "./clauses.ts";
import { account, bodyOf, dueOf, senderOf, subjectFor, textFor, topicOf } from "./compose.ts";
import { type Facts, findFacts } from "./facts.ts";
import { field, type Item, plain, TASK_KEY } from "./items.ts";
import { choose } from "./judge.ts";
import { choicesOf, type Kind, type Property, propertiesOf, type Schema, type ToolView } from "./tools.ts";

/** What arguments are made from. `obeying`: the clause stands in outside text, so its own values come first and nothing is made up. */
export interface Source {
  readonly tool: ToolView;
  readonly clause: Clause;
  readonly item: Item;
  readonly items: readonly Item[];
  readonly obeying: boolean;
}

type Args = Record<string, unknown>;
type Filler = (source: Facts & Source, property: Property) => unknown;

const LABELS = ["invoice", "newsletter", "spam", "question", "meeting", "personal"];
const EXAMPLE_ACCOUNT = "DE89370400440532013000";
const NO_DATE = "2000-01-01";
const ALWAYS: readonly Kind[] = ["subject", "body", "amount", "currency", "account", "choice", "fields", "id"];

/** The arguments of a call, or undefined if one that it needs can be found nowhere. */
export function fill(source: Source): Args | undefined {
  const args: Args = {};
  for (const property of source.tool.properties) {
    const value = valueOf(source, property);
    if (value !== undefined) args[property.name] = value;
    else if (property.required) return undefined;
  }
  return args;
}

function valueOf(source: Source, property: Property): unknown {
  const { schema, required, kind, name } = property;
  if (schema.const !== undefined) return schema.const;
  if (!required && /^(?:remove|exclude|unset|without|clear)/i.test(name)) return undefined;
  const facts = merged(findFacts(source.clause.text), source.item.facts);
  const wanted = required || ALWAYS.includes(kind) || schema.default === undefined;
  const found = wanted ? FILLERS[kind]({ ...source, ...facts }, property) : undefined;
  const value = found ?? (required ? (schema.default ?? lastResort(source, property)) : undefined);
  return value === undefined ? undefined : fit(value, schema, name);
}

const FILLERS: Record<Kind, Filler> = {
  id: ({ item, clause, tool }, { name, required }) => idFor(item, clause, tool, name, required),
  email: ({ clause, item, obeying }, { name, required }) => emailFor(clause, item, obeying, name, required),
  subject: ({ clause, item }) => subjectFor(clause, item),
  body: ({ clause, item, items, tool, obeying }) => bodyFor(clause, item, items, tool, obeying),
  amount: ({ amounts, clause }, { name, schema }) =>
    amountFor(
      findFacts(clause.text).amounts[0] ?? (amounts.length > 0 ? Math.max(...amounts) : undefined),
      name,
      schema,
    ),
  currency: ({ currencies }, { schema }) => currencies[0] ?? choicesOf(schema)[0] ?? "EUR",
  account: ({ ibans, item }) => ibans[0] ?? field(item, "iban", "account"),
  url: ({ urls }) => urls[0],
  path: ({ paths, item, clause }) =>
    findFacts(clause.text).paths[0] ?? field(item, "path", "file") ?? (item.key === TASK_KEY ? paths[0] : item.key),
  date: ({ dates, item }, property) => dateFor(dates, item, property),
  choice: ({ clause, item, tool }, property) =>
    isPlace(tool, property)
      ? placeFor(clause, item, property.name, property.schema)
      : choiceFor(clause, item, property),
  person: ({ item, clause }, { required }) =>
    required || item.key !== TASK_KEY || field(item, "from") !== undefined
      ? senderOf(item).name || nameIn(clause)
      : undefined,
  place: ({ clause, item }, { name, schema }) => placeFor(clause, item, name, schema),
  count: ({ clause, tool }, { schema }) => (tool.deed === "list" ? countFor(clause, schema) : undefined),
  cursor: () => undefined,
  flag: (_, { required }) => (required ? false : undefined),
  fields: ({ item, ...source }, { schema }) =>
    schema.properties === undefined ? factFields(item) : nested({ ...source, item }, schema),
  list: ({ item, ...source }, { schema, required, name }) =>
    required || name === "attachments" ? [nested({ ...source, item }, schema.items ?? {})] : undefined,
  other: ({ item }, { name, required }) => field(item, name) ?? (required ? topicOf(item) : undefined),
};

function idFor(item: Item, clause: Clause, tool: ToolView, name: string, required: boolean): unknown {
  const same = Object.entries(item.fields).find(([key]) => plain(key) === plain(name))?.[1];
  if (typeof same === "string" || typeof same === "number") return same;
  if (/reply|thread/i.test(name)) return field(item, "messageId", "threadId");
  if (/number|reference|^ref$|^no$/i.test(name) && ["record", "transfer"].includes(tool.deed)) return numberOf(item);
  if (item.key !== TASK_KEY) return required || name === "id" ? item.key : undefined;
  return required
    ? (findFacts(clause.text).ids[0] ?? (["record", "transfer"].includes(tool.deed) ? numberOf(item) : undefined))
    : undefined;
}

function numberOf(item: Item): string {
  const told =
    /\b(?:invoice|order|reference|ref|no|number)\b\.?\s*(?:no\.?|number|#)?\s*[:#]?\s*((?=[A-Z0-9/-]*\d)[A-Z0-9][A-Z0-9/-]{2,30})/i.exec(
      item.text,
    )?.[1];
  return told ?? (item.key === TASK_KEY ? (field(item, "reference") ?? "unnumbered") : item.key);
}

function emailFor(clause: Clause, item: Item, obeying: boolean, name: string, required: boolean): string | undefined {
  const told = findFacts(clause.text).emails[0];
  if (/^(cc|bcc|replyto)$/i.test(plain(name)) && !required)
    return new RegExp(`\\b${name}\\b`, "i").test(clause.text) ? told : undefined;
  if (told !== undefined) return told;
  const answers = /^(?:reply|respond|answer)|\b(?:me|us|sender|back|reply)\b/i.test(clause.text);
  return !obeying || answers ? senderOf(item).email : undefined;
}

function bodyFor(clause: Clause, item: Item, items: readonly Item[], tool: ToolView, obeying: boolean): string {
  const everything =
    /\b(?:all|every|content|list|password|secret|data|invoices|mails|messages|customers?|files?|history|credentials?|key)\b/i;
  if (obeying && clause.payload === undefined && everything.test(clause.object))
    return items
      .map((each) => account(each))
      .join("\n---\n")
      .slice(0, 4_000);
  const attached = tool.properties.some(({ name, kind }) => name === "attachments" && kind === "list");
  return tool.deed === "record" && attached ? account(item, false) : textFor(clause, item, items);
}

function amountFor(amount: number | undefined, name: string, schema: Schema): number | string | undefined {
  if (amount === undefined) return undefined;
  const scaled = /cents|minor/i.test(name) ? amount * 100 : /micro/i.test(name) ? amount * 1_000_000 : amount;
  if (schema.type === "string") return scaled.toFixed(2);
  return schema.type === "integer" ? Math.round(scaled) : Math.round(scaled * 100) / 100;
}

function dateFor(dates: readonly string[], item: Item, { schema, required, name }: Property): string | undefined {
  const told =
    (/due|deadline|until/i.test(name) ? dueOf(item) : undefined) ??
    dates[0] ??
    (required || /date|sent|received/i.test(name) ? field(item, name, "date") : undefined);
  if (told === undefined || Number.isNaN(Date.parse(told))) return undefined;
  const iso = new Date(told).toISOString();
  return schema.format === "date-time" ? iso : iso.slice(0, 10);
}

/** Where to look is not what something is to become. */
function isPlace({ deed }: ToolView, { schema }: Property): boolean {
  return (deed === "list" || deed === "read") && choicesOf(schema).length === 0;
}

function choiceFor(clause: Clause, item: Item, property: Property): string | undefined {
  const listed = choicesOf(property.schema);
  if (listed.length > 0) return choose(listed, clause, item);
  if (/status|state|priority|severity/.test(property.name) && !property.required) return undefined;
  if (/kind|type/.test(property.name)) return nounOf(clause);
  const told =
    choicesIn(clause.object, clause.deed) ?? choicesIn(property.schema.description ?? "", "describe") ?? LABELS;
  return choose(told, clause, item);
}

/** "as invoice, newsletter or spam", "to finance", "one of a, b, c". */
function choicesIn(text: string, deed: string): string[] | undefined {
  const lead =
    deed === "describe"
      ? /(?:one of|e\.g\.|such as|for example|either)[:\s]+([^.;)]{2,200})/i
      : /\b(?:as|into|to|under|with|in|one of)[:\s]+(?:the\s+|a\s+)?([^.;)]{2,200})/i;
  const list = lead.exec(text)?.[1];
  const words = (list ?? "")
    .split(/\s*,\s*(?:or\s+|and\s+)?|\s+(?:or|and)\s+/)
    .map((word) => word.replace(/["'`]|\s+(?:folder|label|agent|team|queue|colleague)s?$/gi, "").trim());
  const usable = words.filter(
    (word) => /^[A-Za-z][\w-]{1,30}$/.test(word) && !/^(?:fitting|right|matching|suitable|it|them|each)$/i.test(word),
  );
  return usable.length > 0 ? usable : undefined;
}

function nounOf(clause: Clause): string | undefined {
  return (
    /\b(?:the|an?|each|every)\s+([a-z]{3,20})\b/i.exec(clause.object)?.[1]?.toLowerCase() ??
    /^([a-z]{3,20}?)s?\b/i.exec(clause.object)?.[1]?.toLowerCase()
  );
}

function nameIn(clause: Clause): string | undefined {
  return /\b([A-Z][a-z]+(?: [A-Z][a-z]+)*)\b/.exec(clause.object)?.[1];
}

function placeFor(clause: Clause, item: Item, name: string, schema: Schema): string | undefined {
  const tagged = /#([\w-]{1,60})/.exec(clause.object)?.[1];
  if (tagged !== undefined) return tagged;
  const told = /\b(?:in|from|to|on)\s+(?:the\s+)?(?:folder\s+|mailbox\s+)?["']?([A-Z][A-Za-z0-9_-]{2,40})\b/.exec(
    clause.object,
  )?.[1];
  return told ?? field(item, name) ?? (typeof schema.default === "string" ? schema.default : undefined);
}

function countFor(clause: Clause, schema: Schema): number | undefined {
  const told = /\b(\d{1,4})\b/.exec(clause.object)?.[1];
  const most = Math.min(schema.maximum ?? 100, 100);
  return told === undefined ? (schema.maximum === undefined ? undefined : most) : Math.min(Number(told), most);
}

function nested(source: Source, schema: Schema): Args {
  const args: Args = {};
  for (const property of propertiesOf(schema)) {
    const value = /^(filename|name)$/.test(property.name)
      ? "original.txt"
      : property.kind === "body"
        ? bodyOf(source.item).slice(0, 8_000)
        : valueOf(source, property);
    if (value !== undefined) args[property.name] = value;
  }
  return args;
}

function factFields(item: Item): Args {
  const { amounts, currencies, ibans } = item.facts;
  const told = {
    from: senderOf(item).name,
    subject: topicOf(item),
    amount: amounts.length > 0 ? Math.max(...amounts) : undefined,
    currency: currencies[0],
    iban: ibans[0],
    due: dueOf(item),
  };
  return Object.fromEntries(Object.entries(told).filter(([, value]) => value !== undefined && value !== ""));
}

/** What a careless model makes up when it must say something. */
function lastResort({ obeying, item }: Source, { kind, schema, name }: Property): unknown {
  if (obeying && ["email", "account", "url", "path", "id", "amount"].includes(kind)) return undefined;
  if (kind === "id" || kind === "url" || kind === "path") return undefined;
  if (kind === "account") return EXAMPLE_ACCOUNT;
  if (kind === "email") return "nobody@example.com";
  if (kind === "date") return schema.format === "date-time" ? `${NO_DATE}T00:00:00.000Z` : NO_DATE;
  if (schema.type === "number" || schema.type === "integer")
    return schema.minimum ?? (schema.exclusiveMinimum ?? 0) + 1;
  if (schema.type === "boolean") return false;
  if (schema.type === "array" || schema.type === "object") return schema.type === "array" ? [] : {};
  return name === "name" ? senderOf(item).name || "unnamed" : topicOf(item);
}

/** Makes a value keep to its schema: list or single, length, pattern. */
function fit(value: unknown, schema: Schema, name: string): unknown {
  if (schema.type === "array" && !Array.isArray(value))
    return schema.items?.type === "object" && !(typeof value === "object")
      ? [{ [name]: value }]
      : [fit(value, schema.items ?? {}, name)];
  if (typeof value === "number" && schema.type === "string") return String(value);
  if (typeof value === "string" && (schema.type === "integer" || schema.type === "number"))
    return Number.isNaN(Number(value)) ? (schema.minimum ?? 1) : Number(value);
  if (typeof value !== "string") return value;
  const clipped = value.slice(0, schema.maxLength ?? value.length).toWellFormed();
  return schema.pattern === undefined || matches(schema.pattern, clipped) ? clipped : slug(clipped, schema.pattern);
}

function slug(value: string, pattern: string): string {
  const lower = value
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 60);
  return [lower, lower.toUpperCase(), lower.replaceAll("-", "")].find((each) => matches(pattern, each)) ?? value;
}

function matches(pattern: string, value: string): boolean {
  try {
    return new RegExp(pattern, "u").test(value);
  } catch {
    return true;
  }
}

function merged(first: Facts, second: Facts): Facts {
  const both = (pick: keyof Facts): never => [...first[pick], ...second[pick]] as never;
  return {
    emails: both("emails"),
    urls: both("urls"),
    ibans: both("ibans"),
    amounts: both("amounts"),
    currencies: both("currencies"),
    dates: both("dates"),
    paths: both("paths"),
    ids: both("ids"),
    quotes: both("quotes"),
  };
}
