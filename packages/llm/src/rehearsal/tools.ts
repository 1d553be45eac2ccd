import { z } from "zod";
import type { Clause } from "./clauses.ts";
import { deed, nearness, POINTERS, stem } from "./lexicon.ts";

/** A JSON Schema, as far as this model reads one. */
export interface Schema {
  readonly type?: string | readonly string[] | undefined;
  readonly description?: string | undefined;
  readonly enum?: readonly unknown[] | undefined;
  readonly const?: unknown;
  readonly default?: unknown;
  readonly format?: string | undefined;
  readonly pattern?: string | undefined;
  readonly required?: readonly string[] | undefined;
  readonly minimum?: number | undefined;
  readonly exclusiveMinimum?: number | undefined;
  readonly maximum?: number | undefined;
  readonly maxLength?: number | undefined;
  readonly "x-role"?: string | undefined;
  readonly properties?: Readonly<Record<string, Schema>> | undefined;
  readonly items?: Schema | undefined;
  readonly anyOf?: readonly Schema[] | undefined;
}

const text = z.string().optional().catch(undefined);
const number = z.number().optional().catch(undefined);
const JsonSchema: z.ZodType<Schema> = z.object({
  type: z
    .union([z.string(), z.array(z.string())])
    .optional()
    .catch(undefined),
  description: text,
  enum: z.array(z.unknown()).optional().catch(undefined),
  const: z.unknown().optional(),
  default: z.unknown().optional(),
  format: text,
  pattern: text,
  required: z.array(z.string()).optional().catch(undefined),
  minimum: number,
  exclusiveMinimum: number,
  maximum: number,
  maxLength: number,
  "x-role": text,
  properties: z.lazy(() => z.record(z.string(), JsonSchema).optional().catch(undefined)),
  items: z.lazy(() => JsonSchema.optional().catch(undefined)),
  anyOf: z.lazy(() => z.array(JsonSchema).optional().catch(undefined)),
});

/** What a property is for, as its name, role and shape tell. */
export type Kind =
  | "id"
  | "email"
  | "subject"
  | "body"
  | "amount"
  | "currency"
  | "account"
  | "url"
  | "path"
  | "date"
  | "choice"
  | "person"
  | "place"
  | "count"
  | "cursor"
  | "flag"
  | "fields"
  | "list"
  | "other";

/** One property of a tool's arguments. */
export interface Property {
  readonly name: string;
  readonly schema: Schema;
  readonly required: boolean;
  readonly kind: Kind;
}

/** A tool as the planner sees it. */
export interface ToolView {
  readonly name: string;
  readonly description: string;
  readonly deed: string;
  readonly words: ReadonlySet<string>;
  readonly about: ReadonlySet<string>;
  readonly properties: readonly Property[];
}

const KINDS: readonly (readonly [RegExp, Kind])[] = [
  [/^(cursor|pagetoken|nexttoken|offset|after|page)$/, "cursor"],
  [/^(limit|count|max|pagesize|top|maxresults|n)$/, "count"],
  [/iban|accountnumber|^account$|bankaccount|beneficiaryaccount|creditor(account)?$/, "account"],
  [/amount|^sum$|^total$|price|cents|value$|^net$|^gross$/, "amount"],
  [/currency/, "currency"],
  [
    /^(to|cc|bcc|recipients?|email|mailto|address|emails|replyto|attendees?|guests?|invitees?|participants?)$|email$/,
    "email",
  ],
  [/url|link|href|webhook|^uri$|endpoint/, "url"],
  [/^(path|file|filename|filepath)$/, "path"],
  [/date|^due|deadline|^(when|start|end|begin|time|at|on|since|until|from(date|time)?)$/, "date"],
  [/^(subject|title|headline|topic|summary)$/, "subject"],
  [/^(body|text|content|message|html|markdown|description|comment|note|notes|reply|details|answer|memo)$/, "body"],
  [
    /^(label|labels|tag|tags|category|categories|kind|type|status|state|priority|severity|folder|queue|class|team|agent|assignee|stage|destination|target|department)$/,
    "choice",
  ],
  [/^(mailbox|channel|room|calendar|project|board|list|from|source|box|topic|stream)$/, "place"],
  [
    /^(name|customer|supplier|vendor|creditor(name)?|company|contact|person|recipientname|payee|beneficiary|sender|author|owner)$/,
    "person",
  ],
  [/(^|[a-z])(id|ids|uid|key|ref|reference|number|no)$|^(item|mail|ticket|record|document)$/, "id"],
  [/^(fields|properties|attributes|values|payload|record|data)$/, "fields"],
];
const ROLES: Readonly<Record<string, Kind>> = {
  id: "id",

  recipient: "email",
  amount: "amount",
  url: "url",
  account: "account",
  path: "path",
  time: "date",
};

/** Reads a function tool of a request. Whatever its schema looks like, something comes out. */
export function toolView(name: string, description: string, parameters: unknown): ToolView {
  const schema = JsonSchema.catch({}).parse(parameters ?? {});
  const words = name
    .split(/[^A-Za-z0-9]+|(?<=[a-z])(?=[A-Z])/)
    .filter(Boolean)
    .map(stem);
  return {
    name,
    description,
    deed: deedOfTool(words, description),
    words: new Set(words),
    about: new Set(wordsIn(firstSentence(description)).slice(0, 40)),
    properties: propertiesOf(schema),
  };
}

/** Properties of an object schema with what each is for. */
export function propertiesOf(schema: Schema): Property[] {
  const required = new Set(schema.required ?? []);
  return Object.entries(schema.properties ?? {}).map(([name, each]) => {
    const resolved = resolve(each);
    return { name, schema: resolved, required: required.has(name), kind: kindOf(name, resolved) };
  });
}

/** The tool that does what a clause asks, or undefined if none comes near. */
export function matchTool(clause: Clause, tools: readonly ToolView[]): ToolView | undefined {
  const ranked = tools.map((tool) => ({ tool, score: score(clause, tool) })).sort((a, b) => b.score - a.score);
  const [best] = ranked;
  return best !== undefined && best.score >= MIN_SCORE ? best.tool : undefined;
}

/** Lower-case stems of a text's words, without those that only point. */
export function wordsIn(text: string): string[] {
  return (text.match(/[A-Za-z][A-Za-z]+/g) ?? []).map(stem).filter((word) => !POINTERS.has(word));
}

/** The first sentence of a description: what a tool is said to do. */
export function firstSentence(text: string): string {
  return text.split(/(?<=[.!?])\s|\n/)[0] ?? "";
}

const MIN_SCORE = 6;

function score(clause: Clause, tool: ToolView): number {
  const near = nearness(clause.deed, tool.deed);
  if (clause.text.toLowerCase().includes(tool.name.toLowerCase())) return 20 + near;
  if (near === 0 && !tool.words.has(stem(clause.deed))) return 0;
  const words = new Set(wordsIn(clause.text));
  const named = [...tool.words].filter((word) => words.has(word)).length;
  const described = [...tool.about].filter((word) => words.has(word)).length;
  const choices = tool.properties
    .flatMap((each) => choicesOf(each.schema))
    .filter((value) => words.has(stem(value))).length;
  return (near === 2 ? 6 : near === 1 ? 4 : 3) + named * 3 + Math.min(described, 4) + Math.min(choices, 2) * 3;
}

/** The string values that a schema lists. */
export function choicesOf(schema: Schema): string[] {
  const values = schema.enum ?? schema.items?.enum ?? [];
  return values.filter((value) => typeof value === "string");
}

function deedOfTool(words: readonly string[], description: string): string {
  const named = words.toReversed().map(deed);
  const told = wordsIn(description).map(deed);
  const fallback = told.find((each) => each !== undefined) ?? "run";
  const [last] = named;
  return last ?? named.find((each) => each !== undefined && each !== "send" && each !== "read") ?? fallback;
}

function resolve(schema: Schema): Schema {
  const [first] = (schema.anyOf ?? []).filter((each) => each.type !== "null");
  return first === undefined ? schema : { ...first, description: schema.description ?? first.description };
}

function kindOf(name: string, schema: Schema): Kind {
  const role = ROLES[schema["x-role"] ?? ""];
  if (role !== undefined) return role;
  if (schema.type === "boolean") return "flag";
  if (schema.format === "email" || schema.items?.format === "email") return "email";
  if (schema.format === "uri" || schema.format === "url") return "url";
  if (schema.format === "date" || schema.format === "date-time") return "date";
  if (choicesOf(schema).length > 0) return "choice";
  if (schema.type === "array" && schema.items?.type === "object") return "list";
  const plain = name.toLowerCase().replace(/[^a-z]/g, "");
  const named = KINDS.find(([pattern]) => pattern.test(plain))?.[1];
  if (schema.type === "object") return "fields";
  return named ?? "other";
}
