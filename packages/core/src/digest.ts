import { createHash, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import { canonical } from "./json.ts";

/** `sha256:` and 64 lower-case hexadecimal digits. */
export const digestText = z.string().regex(/^sha256:[0-9a-f]{64}$/);
/** A SHA-256 digest as text. */
export type Digest = z.infer<typeof digestText>;

/** SHA-256 over `"bulkhead/<domain>/v1\n"` and the canonical JSON of `value` (PROP-02). Domains never share a digest. */
export function digest(domain: string, value: unknown): Digest {
  return digestBytes(domain, canonical(value));
}

/** SHA-256 over `"bulkhead/<domain>/v1\n"` and the bytes themselves: for code bundles and files. */
export function digestBytes(domain: string, bytes: Uint8Array | string): Digest {
  return `sha256:${createHash("sha256").update(`bulkhead/${domain}/v1\n`).update(bytes).digest("hex")}`;
}

/** Compares two digests in constant time (PROP-03). */
export function sameDigest(a: Digest, b: Digest): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
