import { createHash } from "node:crypto";
import { BulkheadError, digestBytes, idSource } from "@bulkhead/core";
import { type ContentDocument, type ContentRequest, MAX_CONTENT_BYTES } from "@bulkhead/schemas";

type Put = Extract<ContentRequest, { kind: "put" }>;

/** A signed request: the same each time that it is sent. */
export interface Asked {
  readonly issuer: string;
  readonly id: string;
  readonly at: number;
}

/** @throws BulkheadError `content.size` */
export function pieceOf(put: Put, asked: Asked, now: number, retentionMs: number): ContentDocument {
  const { task, about, text, labels, provenance, ttlMs } = put;
  if (Buffer.byteLength(text) > MAX_CONTENT_BYTES) throw new BulkheadError("content.size");
  const lifeMs = Math.min(ttlMs ?? retentionMs, retentionMs);
  const digest = digestBytes("content", text);
  const expires = new Date(now + lifeMs);
  return { _id: refOf(asked), task, about, text, digest, labels, provenance, by: asked.issuer, at: now, expires };
}

/** A ULID made of the request's own time and id, so that a request that is sent twice puts one piece. */
function refOf({ issuer, id, at }: Asked): string {
  const bits = createHash("sha256").update(`${issuer}\n${id}`).digest();
  let used = 0;
  const clock = { now: () => at, monotonic: () => at };
  return idSource(clock, () => (bits[used++ % bits.length] ?? 0) / 256)("c");
}
