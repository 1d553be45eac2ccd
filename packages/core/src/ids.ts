import { createHash, randomFillSync } from "node:crypto";
import { ulid } from "ulid";
import { z } from "zod";
import { type Clock, systemClock } from "./clock.ts";

/** The grammar of every name that becomes part of a subject, key or file name (ZT-06). */
export const token = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "must match ^[a-z0-9][a-z0-9-]{0,62}$");

/** Whether `value` is a token. */
export function isToken(value: unknown): value is string {
  return token.safeParse(value).success;
}

/** Makes ids: `<prefix>-<ulid in lower case>`. Injected where a test must know them. */
export type IdSource = (prefix: string) => string;

/** An id source over a clock and a random source of numbers in [0, 1). */
export function idSource(clock: Clock = systemClock, random: () => number = secureRandom): IdSource {
  return (prefix) => `${prefix}-${ulid(clock.now(), random).toLowerCase()}`;
}

/** A fresh id such as `t-01jz…`: sortable by time, unguessable, a token. */
export const newId: IdSource = idSource();

/** An id of the same form that follows from a time and a text: the same each time. */
export function derivedId(prefix: string, at: number, text: string): string {
  const bits = createHash("sha256").update(text).digest();
  let next = 0;
  const clock = { now: () => at, monotonic: () => at };
  return idSource(clock, () => (bits[next++ % bits.length] ?? 0) / 256)(prefix);
}

const pool = new Uint32Array(1024);
let used = pool.length;

function secureRandom(): number {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  return (pool[used++] ?? 0) / 2 ** 32;
}
