/**
 * Owns: how trusted code asks the database, so that no value can become an operator (ATT-060).
 * Does not own: what a document is (the contract).
 * Invariants: an operator is an instance made by this module, which JSON cannot hold; a plain object in a filter, and a
 * key with `$`, `.` or NUL anywhere in a written value, is refused.
 */
import { BulkheadError } from "@bulkhead/core";

type Scalar = string | number | boolean | Date | null;

/** A comparison in a filter. Made by `lt`, `oneOf` and their like only. */
export class Condition {
  readonly #operator: string;
  readonly #value: Scalar | readonly Scalar[];

  constructor(
    operator: "$lt" | "$lte" | "$gt" | "$gte" | "$ne" | "$in" | "$exists",
    value: Scalar | readonly Scalar[],
  ) {
    for (const item of Array.isArray(value) ? (value as readonly unknown[]) : [value]) assertScalar(item);
    this.#operator = operator;
    this.#value = value;
  }

  /** The driver's form. */
  expression(): Record<string, unknown> {
    return { [this.#operator]: this.#value };
  }
}

/** Less than. */
export const lt = (value: number | string | Date): Condition => new Condition("$lt", value);
/** Less than or equal. */
export const lte = (value: number | string | Date): Condition => new Condition("$lte", value);
/** Greater than. */
export const gt = (value: number | string | Date): Condition => new Condition("$gt", value);
/** Greater than or equal. */
export const gte = (value: number | string | Date): Condition => new Condition("$gte", value);
/** Not equal. */
export const ne = (value: Scalar): Condition => new Condition("$ne", value);
/** Equal to one of these. */
export const oneOf = (values: readonly Scalar[]): Condition => new Condition("$in", values);
/** The field is there, or is not. */
export const exists = (present: boolean): Condition => new Condition("$exists", present);

/** All of these fields match: a scalar means equality, or that an array holds it. */
export type Filter<T> = { readonly [K in keyof T]?: Scalar | Condition };

/** The driver's form of a filter, or of alternatives of which one must match. @throws BulkheadError `schema.invalid` */
export function compileFilter<T>(filter: Filter<T> | readonly Filter<T>[]): Record<string, unknown> {
  if (Array.isArray(filter)) return { $or: (filter as readonly Filter<T>[]).map((one) => compileFilter(one)) };
  return Object.fromEntries(Object.entries(filter).map(([key, value]) => [checkKey(key), compileValue(value)]));
}

function compileValue(value: unknown): unknown {
  if (value instanceof Condition) return value.expression();
  assertScalar(value);
  return { $eq: value };
}

function assertScalar(value: unknown): void {
  const scalar = value === null || value instanceof Date || ["string", "number", "boolean"].includes(typeof value);
  if (!scalar) throw new BulkheadError("schema.invalid", "(a filter takes plain values)");
}

function checkKey(key: string): string {
  if (key === "" || key.startsWith("$") || key.includes(".") || key.includes("\0"))
    throw new BulkheadError("schema.invalid", "(a key holds $, . or NUL)");
  return key;
}

/** Refuses keys that a database could take for operators or paths, at any depth. @throws BulkheadError `schema.invalid` */
export function assertSafeKeys(value: unknown): void {
  if (typeof value !== "object" || value === null || value instanceof Date) return;
  for (const [key, item] of Object.entries(value)) {
    if (!Array.isArray(value)) checkKey(key);
    assertSafeKeys(item);
  }
}
