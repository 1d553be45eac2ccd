import { isToken } from "@bulkhead/core";
import type { DetailedError } from "@cedar-policy/cedar-wasm/nodejs";
import { cedar } from "./engine.ts";
import { type RuleGround, ruleSchema } from "./schema.ts";

/** What is wrong in a file of rules, and where: lines and columns count from 1. */
export interface RuleMistake {
  readonly file: string;
  readonly line: number;
  readonly col: number;
  readonly message: string;
  readonly suggestion?: string;
}

/** One rule. `id` is its `@id`, or `<file>-<number>`. With `ask` a person is asked, without it the call is denied. */
export interface Rule {
  readonly id: string;
  readonly file: string;
  readonly text: string;
  readonly ask?: string;
}

/** The rules of all files, or what is wrong with them. */
export interface ParsedRules {
  readonly rules: readonly Rule[];
  readonly mistakes: readonly RuleMistake[];
}

const ANNOTATIONS = new Set(["id", "ask"]);

/** Reads every file of rules, and checks it against the policy's tools. Never throws for what is in a file. */
export function parseRules(ground: RuleGround): ParsedRules {
  const schema = ruleSchema(ground);
  const parsed = Object.entries(ground.rules ?? {}).map(([file, text]) => {
    const wrong = validate(file, text, schema);
    return wrong.length > 0 ? { rules: [], mistakes: wrong } : readFile(file, text);
  });
  const rules = parsed.flatMap((one) => one.rules);
  return { rules, mistakes: [...parsed.flatMap((one) => one.mistakes), ...repeated(rules, ground.rules ?? {})] };
}

function validate(file: string, text: string, schema: ReturnType<typeof ruleSchema>): RuleMistake[] {
  const answer = cedar().validate({ schema, policies: { staticPolicies: text } });
  if (answer.type === "failure") return answer.errors.map((error) => mistakeOf(file, text, error));
  const { validationErrors, validationWarnings } = answer;
  const found = validationErrors.length > 0 ? validationErrors : validationWarnings;
  return found.map(({ error }) => mistakeOf(file, text, error));
}

function readFile(file: string, text: string): ParsedRules {
  const parts = cedar().policySetTextToParts(text);
  if (parts.type === "failure")
    return { rules: [], mistakes: parts.errors.map((error) => mistakeOf(file, text, error)) };
  const read = parts.policies.map((policy, index) => readRule(file, text, policy, index + 1));
  const rules = read.flatMap((one) => ("id" in one ? [one] : []));
  const mistakes = read.flatMap((one) => ("line" in one ? [one] : []));
  const [template] = parts.policy_templates;
  if (template === undefined) return { rules, mistakes };
  return { rules, mistakes: [...mistakes, { ...placeOf(file, text, template), message: "A template is no rule." }] };
}

function readRule(file: string, text: string, policy: string, number: number): Rule | RuleMistake {
  const place = placeOf(file, text, policy);
  const parsed = cedar().policyToJson(policy);
  if (parsed.type === "failure") return { ...place, message: "This is no rule." };
  const { effect, annotations = {} } = parsed.json;
  if (effect === "permit")
    return { ...place, message: "Rules can only raise.", suggestion: "Write it as forbid … when or unless." };
  const unknown = Object.keys(annotations).find((name) => !ANNOTATIONS.has(name));
  if (unknown !== undefined)
    return { ...place, message: `There is no annotation @${unknown}.`, suggestion: "There are @id and @ask." };
  return ruleOf({ file, text: policy, number, annotations: spelled(annotations) }) ?? { ...place, message: SHAPE };
}

const SHAPE = '@id takes 1 to 50 of a-z, 0-9 and -, and @ask a reason: @ask("More than 500 a day").';

function ruleOf(found: {
  readonly file: string;
  readonly text: string;
  readonly number: number;
  readonly annotations: Readonly<Record<string, string>>;
}): Rule | undefined {
  const { file, text, number, annotations } = found;
  const id = annotations["id"] ?? `${nameOf(file)}-${number}`;
  const ask = annotations["ask"];
  const reasoned = ask === undefined || /^.{1,300}$/.test(ask);
  if (!isToken(id) || id.length > 50 || !reasoned) return undefined;
  return { id, file, text, ...(ask !== undefined && { ask }) };
}

/** An annotation without a value is null, whatever the engine's types say. */
function spelled(annotations: Readonly<Record<string, string | null>>): Record<string, string> {
  return Object.fromEntries(Object.entries(annotations).map(([name, value]) => [name, value ?? ""]));
}

/** A file's name as the beginning of its rules' ids. */
function nameOf(file: string): string {
  const name = file.replace(/\.cedar$/, "").toLowerCase();
  return (
    name
      .replace(/[^a-z0-9]+/g, "-")
      .replace(/^-+/, "")
      .slice(0, 40) || "rule"
  );
}

function repeated(rules: readonly Rule[], files: Readonly<Record<string, string>>): RuleMistake[] {
  const first = new Map<string, Rule>();
  return rules.flatMap((rule) => {
    const before = first.get(rule.id);
    first.set(rule.id, before ?? rule);
    if (before === undefined) return [];
    const message = `Another rule has the id "${rule.id}", in ${before.file}.`;
    return [{ ...placeOf(rule.file, files[rule.file] ?? "", rule.text), message, suggestion: "Give it another @id." }];
  });
}

function mistakeOf(file: string, text: string, { message, help, sourceLocations }: DetailedError): RuleMistake {
  const plain = message.replace(/^(failed to parse policies from string|for policy `\w+`)[:,] /, "");
  return {
    ...placeAt(
      file,
      Buffer.from(text)
        .subarray(0, sourceLocations?.[0]?.start ?? 0)
        .toString(),
    ),
    message: `${plain.replace(/\.?$/, "")}.`,
    ...(help !== null && { suggestion: help }),
  };
}

function placeOf(file: string, text: string, part: string) {
  return placeAt(file, text.slice(0, Math.max(0, text.lastIndexOf(part))));
}

function placeAt(file: string, before: string): { readonly file: string; readonly line: number; readonly col: number } {
  const lines = before.split("\n");
  return { file, line: lines.length, col: (lines.at(-1)?.length ?? 0) + 1 };
}
