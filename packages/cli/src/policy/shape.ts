import { z } from "zod";
import { PolicyFile, SECRET_KEY } from "./file.ts";
import { closest, didYouMean, type Mistake } from "./mistakes.ts";
import type { Path, PolicySource } from "./source.ts";

/** Every place where the file does not fit its schema, and what is left of it without them, so that the rules can look at the rest. */
export interface ShapeResult {
  readonly file: PolicyFile | undefined;
  readonly mistakes: readonly Mistake[];
}

/** Checks the shape of the file: every key known, every value of its kind, no secret in it. */
export function checkShape(source: PolicySource): ShapeResult {
  const secrets = secretsIn(source.value, source);
  const parsed = PolicyFile.safeParse(source.value ?? {});
  if (parsed.success) return { file: parsed.data, mistakes: secrets };
  const mistakes = [...secrets, ...parsed.error.issues.flatMap((issue) => explain(issue, [], source))];
  return { file: salvage(structuredClone(source.value), parsed.error.issues), mistakes };
}

const MAX_REPAIRS = 20;

/** The file without what does not fit; undefined if nothing sensible is left. */
function salvage(value: unknown, wrong: readonly Issue[], repairs = 0): PolicyFile | undefined {
  for (const issue of wrong) {
    const path = issue.path as Path;
    const keys = issue.code === "unrecognized_keys" ? issue.keys.map((key) => [...path, key]) : [path];
    for (const each of keys) remove(value, each);
  }
  const parsed = PolicyFile.safeParse(value);
  if (parsed.success) return parsed.data;
  return repairs < MAX_REPAIRS ? salvage(value, parsed.error.issues, repairs + 1) : undefined;
}

/** Removes what stands at a path, or, if a required thing is missing there, what it is missing from. */
function remove(value: unknown, path: Path): void {
  for (let length = path.length; length > 0; length -= 1) {
    const parent = valueAt(value, path.slice(0, length - 1));
    const key = String(path[length - 1]);
    if (typeof parent !== "object" || parent === null || !Object.hasOwn(parent, key)) continue;
    Reflect.deleteProperty(parent, key);
    return;
  }
}

type Issue = z.core.$ZodIssue;

function explain(issue: Issue, base: Path, source: PolicySource): Mistake[] {
  const path: Path = [...base, ...(issue.path as Path)];
  if (issue.code === "unrecognized_keys") return issue.keys.map((key) => unknownKey(key, path, source));
  if (issue.code === "invalid_key") return [badName(path, source)];
  if (issue.code === "invalid_union") return deepest(issue.errors).flatMap((inner) => explain(inner, path, source));
  if (valueAt(source.value, path) === undefined) return [missingKey(path, source)];
  return [wrongValue(issue, path, source)];
}

/** Of the alternatives of a union, the one that got furthest: what its author most likely meant. */
function deepest(alternatives: readonly Issue[][]): readonly Issue[] {
  const depth = (issues: readonly Issue[]): number => {
    const kinds = issues.some(({ code, path }) => code === "invalid_type" && path.length === 0);
    return kinds ? -1 : Math.max(0, ...issues.map(({ path }) => path.length));
  };
  return [...alternatives].sort((a, b) => depth(b) - depth(a))[0] ?? [];
}

function unknownKey(key: string, path: Path, source: PolicySource): Mistake {
  const known = keysAt(path);
  const suggestion = known.length === 0 ? undefined : didYouMean(key, known);
  return source.mistake("key.unknown", source.atKey([...path, key]), `There is no setting "${key}" here.`, suggestion);
}

function badName(path: Path, source: PolicySource): Mistake {
  const name = String(path.at(-1));
  const better = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 63);
  const message = `"${name}" cannot be a name: names have 1 to 63 of a-z, 0-9 and -, and do not start with -.`;
  return source.mistake("value.invalid", source.atKey(path), message, better ? `For example "${better}".` : undefined);
}

function missingKey(path: Path, source: PolicySource): Mistake {
  const key = String(path.at(-1));
  const place = path.length > 1 ? source.atKey(path.slice(0, -1)) : source.at([]);
  const where = path.length > 1 ? ` in "${path.slice(0, -1).join(".")}"` : "";
  return source.mistake("key.missing", place, `The setting "${key}" is missing${where}.`);
}

function wrongValue(issue: Issue, path: Path, source: PolicySource): Mistake {
  const shown = JSON.stringify(valueAt(source.value, path)).slice(0, 60);
  const message = `${shown} at "${path.join(".")}": ${issue.message}.`;
  if (issue.code !== "invalid_value") return source.mistake("value.invalid", source.at(path), message);
  const allowed = issue.values.map(String);
  const near = closest(String(valueAt(source.value, path)), allowed);
  const suggestion =
    near === undefined ? `One of: ${allowed.join(", ")}.` : `Did you mean "${near}"? One of: ${allowed.join(", ")}.`;
  return source.mistake(
    "value.invalid",
    source.at(path),
    `${shown} at "${path.join(".")}" is not allowed.`,
    suggestion,
  );
}

/** The settings that the schema knows at a path. */
function keysAt(path: Path): string[] {
  let schema: unknown = PolicyFile;
  for (const step of path) schema = inner(schema, String(step));
  const object = unwrap(schema);
  return object instanceof z.ZodObject ? Object.keys(object.shape) : [];
}

function inner(schema: unknown, key: string): unknown {
  const container = unwrap(schema);
  if (container instanceof z.ZodObject) return (container.shape as Record<string, unknown>)[key];
  return container instanceof z.ZodRecord ? container.valueType : undefined;
}

function unwrap(schema: unknown): unknown {
  if (schema instanceof z.ZodUnion)
    return unwrap(schema.options.find((option) => unwrap(option) instanceof z.ZodObject));
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodOptional || schema instanceof z.ZodPrefault) {
    return unwrap(schema.unwrap());
  }
  return schema;
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((inside, key) => (inside as Record<string, unknown> | undefined)?.[String(key)], value);
}

function secretsIn(value: unknown, source: PolicySource, path: Path = []): Mistake[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, child]) => {
    const here = [...path, key];
    const secret = path.length > 1 && typeof child === "string" && (SECRET_KEY.test(key) || hasUserinfo(child));
    if (!secret) return secretsIn(child, source, here);
    const message = `"${key}" looks like a secret, and this file is read by many.`;
    return [
      source.mistake("secret.in-file", source.atKey(here), message, "Put it into a file of mode 0600 in credentials/."),
    ];
  });
}

function hasUserinfo(text: string): boolean {
  return /^[a-z+]+:\/\/[^/\s:@]+:[^/\s@]+@/i.test(text);
}
