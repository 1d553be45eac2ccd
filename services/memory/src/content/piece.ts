import { BulkheadError, digestBytes } from "@bulkhead/core";
import { type ContentDocument, type ContentRequest, contentRefOf, MAX_CONTENT_BYTES } from "@bulkhead/schemas";

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
  return {
    _id: contentRefOf(asked),
    task,
    about,
    text,
    digest,
    labels,
    provenance,
    by: asked.issuer,
    at: now,
    expires,
  };
}
