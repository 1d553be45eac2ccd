import type { Received } from "@bulkhead/bus";
import { asBulkheadError } from "@bulkhead/core";
import type { ContentReply, ContentRequest } from "@bulkhead/schemas";
import { assertMayGet } from "../content/access.ts";
import { readable } from "../content/readable.ts";
import { contentRead, contentRefused } from "../events.ts";
import type { MemoryParts } from "../service.ts";

export async function get(
  { issuer }: Received<"content">,
  body: Extract<ContentRequest, { kind: "get" }>,
  parts: MemoryParts,
): Promise<ContentReply> {
  const piece = await readable(parts.pieces, body.ref, parts.clock.now());
  try {
    assertMayGet(issuer, body, piece, parts);
  } catch (error) {
    await contentRefused(parts, { piece, by: issuer, code: asBulkheadError(error).code });
    throw error;
  }
  await contentRead(parts, piece, issuer);
  const { _id: ref, task, text, labels, provenance } = piece;
  return { kind: "get", ref, task, text, labels, provenance };
}
