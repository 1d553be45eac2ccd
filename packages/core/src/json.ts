/**
 * Owns: reading JSON from outside, and the one byte form that is signed and hashed.
 * Does not own: what a value means (zod contracts in `schemas/`).
 * Invariants: strict I-JSON (INJ-19, RFC 7493); every object has a null prototype; one text has one meaning, so what is
 * decided on, shown and executed cannot differ (S3).
 */
import canonicalize from "canonicalize";
import { BulkheadError } from "./errors.ts";

/** Bounds of `parseJson`. */
export interface JsonLimits {
  /** Size in UTF-8 bytes; 1 MiB by default. */
  readonly maxBytes?: number;
  /** Nesting of arrays and objects; 32 by default. */
  readonly maxDepth?: number;
  /** Keys of all objects together, and elements of all arrays; 10,000 by default. */
  readonly maxKeys?: number;
}

const DEFAULTS = { maxBytes: 1_048_576, maxDepth: 32, maxKeys: 10_000 };
const FORBIDDEN = new Set(["__proto__", "constructor", "prototype"]);
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
/** A string without escapes: nearly all of them, and all long ones, so it is left to the engine. */
const PLAIN_STRING = /"[^"\\\u0000-\u001f]*"/y;
const LITERALS = new Map<string, [text: string, value: boolean | null]>([
  ["t", ["true", true]],
  ["f", ["false", false]],
  ["n", ["null", null]],
]);

class Reader {
  private at = 0;
  private keys = 0;
  private readonly text: string;
  private readonly limits: Required<JsonLimits>;

  constructor(text: string, limits: Required<JsonLimits>) {
    this.text = text;
    this.limits = limits;
  }

  document(): unknown {
    const value = this.value(0);
    if (this.peek() !== "") this.fail();
    return value;
  }

  private value(depth: number): unknown {
    const first = this.peek();
    if (first === "{") return this.object(this.deeper(depth));
    if (first === "[") return this.array(this.deeper(depth));
    if (first === '"') return this.string();
    return LITERALS.has(first) ? this.literal(first) : this.number();
  }

  private object(depth: number): unknown {
    const result = Object.create(null) as Record<string, unknown>;
    this.at++;
    if (this.take("}")) return result;
    do {
      const key = this.key(result);
      if (!this.take(":")) this.fail();
      result[key] = this.value(depth);
    } while (this.take(","));
    if (!this.take("}")) this.fail();
    return result;
  }

  private key(owner: Record<string, unknown>): string {
    if (this.peek() !== '"') this.fail();
    const key = this.string();
    if (FORBIDDEN.has(key)) throw new BulkheadError("json.forbidden-key", `(${key})`);
    if (key in owner) throw new BulkheadError("json.duplicate-key", `(offset ${this.at})`);
    this.count();
    return key;
  }

  private array(depth: number): unknown[] {
    const result: unknown[] = [];
    this.at++;
    if (this.take("]")) return result;
    do {
      this.count();
      result.push(this.value(depth));
    } while (this.take(","));
    if (!this.take("]")) this.fail();
    return result;
  }

  private string(): string {
    const start = this.at;
    const value = this.plainString() ?? this.escapedString();
    if (!value.isWellFormed()) throw new BulkheadError("json.surrogate", `(offset ${start})`);
    return value;
  }

  private plainString(): string | undefined {
    PLAIN_STRING.lastIndex = this.at;
    if (!PLAIN_STRING.test(this.text)) return undefined;
    const value = this.text.slice(this.at + 1, PLAIN_STRING.lastIndex - 1);
    this.at = PLAIN_STRING.lastIndex;
    return value;
  }

  private escapedString(): string {
    const start = this.at++;
    for (let code = this.code(); code !== 0x22; code = this.code()) {
      if (code < 0x20 || Number.isNaN(code)) this.fail();
      this.at += code === 0x5c ? 2 : 1;
    }
    this.at++;
    return this.unescape(start);
  }

  private unescape(start: number): string {
    try {
      return JSON.parse(this.text.slice(start, this.at)) as string;
    } catch {
      return this.fail();
    }
  }

  private number(): number {
    NUMBER.lastIndex = this.at;
    const source = NUMBER.exec(this.text)?.[0] ?? this.fail();
    this.at += source.length;
    const value = Number(source);
    const exact = Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value));
    if (!exact) throw new BulkheadError("json.number", `(offset ${this.at})`);
    return value === 0 ? 0 : value;
  }

  private literal(first: string): boolean | null {
    const [text, value] = LITERALS.get(first) ?? this.fail();
    if (!this.text.startsWith(text, this.at)) this.fail();
    this.at += text.length;
    return value;
  }

  private peek(): string {
    let code = this.code();
    while (code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09) {
      this.at++;
      code = this.code();
    }
    return this.text.charAt(this.at);
  }

  private take(character: string): boolean {
    if (this.peek() !== character) return false;
    this.at++;
    return true;
  }

  private code(): number {
    return this.text.charCodeAt(this.at);
  }

  private deeper(depth: number): number {
    if (depth >= this.limits.maxDepth) throw new BulkheadError("json.depth");
    return depth + 1;
  }

  private count(): void {
    if (++this.keys > this.limits.maxKeys) throw new BulkheadError("json.keys");
  }

  private fail(): never {
    throw new BulkheadError("json.malformed", `(offset ${this.at})`);
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Parses JSON strictly (INJ-19): valid UTF-8, no duplicate or prototype keys, no lone surrogates, finite numbers,
 * integers within 2^53, bounded size, depth and number of keys. Objects have a null prototype.
 *
 * @throws BulkheadError `json.*`
 */
export function parseJson(input: Uint8Array | string, limits: JsonLimits = {}): unknown {
  const bounds = { ...DEFAULTS, ...limits };
  const bytes = typeof input === "string" ? Buffer.byteLength(input) : input.byteLength;
  if (bytes > bounds.maxBytes) throw new BulkheadError("json.size");
  return new Reader(typeof input === "string" ? input : decodeUtf8(input), bounds).document();
}

/** Decodes UTF-8 and replaces nothing. @throws BulkheadError `json.utf8` */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw new BulkheadError("json.utf8", undefined, { cause });
  }
}

/**
 * The canonical JSON text of a value (RFC 8785): what is signed and hashed.
 *
 * @throws BulkheadError `json.value` for anything JSON cannot hold (undefined, NaN, class instances, functions),
 * `json.surrogate`, `json.depth`
 */
export function canonical(value: unknown): string {
  assertJson(value, 0);
  const text = canonicalize(value);
  if (text === undefined) throw new BulkheadError("json.value");
  return text;
}

const MAX_CANONICAL_DEPTH = 64;

function assertJson(value: unknown, depth: number): void {
  if (value === null || typeof value === "boolean") return;
  if (typeof value === "string") {
    assertWellFormed(value);
    return;
  }
  if (typeof value === "number" && Number.isFinite(value)) return;
  if (typeof value !== "object") throw new BulkheadError("json.value");
  if (depth >= MAX_CANONICAL_DEPTH) throw new BulkheadError("json.depth");
  if (Array.isArray(value)) {
    assertArray(value, depth);
    return;
  }
  assertPlain(value);
  for (const [key, item] of Object.entries(value)) {
    assertWellFormed(key);
    assertJson(item, depth + 1);
  }
}

function assertArray(value: readonly unknown[], depth: number): void {
  for (const item of value) assertJson(item, depth + 1);
}

function assertPlain(value: object): void {
  const prototype: unknown = Object.getPrototypeOf(value);
  const plain = prototype === null || prototype === Object.prototype;
  if (!plain || typeof (value as { toJSON?: unknown }).toJSON === "function") throw new BulkheadError("json.value");
}

function assertWellFormed(text: string): void {
  if (!text.isWellFormed()) throw new BulkheadError("json.surrogate");
}
