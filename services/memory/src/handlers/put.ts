import type { Received } from "@bulkhead/bus";
import { BulkheadError, toWire } from "@bulkhead/core";
import type { ContentReply, ContentRequest } from "@bulkhead/schemas";
import { assertMayPut } from "../content/access.ts";
import { pieceOf } from "../content/piece.ts";
import { contentStored } from "../events.ts";
import type { MemoryParts } from "../service.ts";

/** Answers when the piece is durable. It is no effect, so its audit entry follows without being waited for. */
export async function put(
  { issuer, id, at }: Received<"content">,
  body: Extract<ContentRequest, { kind: "put" }>,
  parts: MemoryParts,
): Promise<ContentReply> {
  assertMayPut(issuer, body);
  const piece = pieceOf(body, { issuer, id, at }, parts.clock.now(), parts.retentionMs);
  const inserted = await parts.pieces.insert(piece);
  if (!inserted.ok) {
    const found = await parts.pieces.findOne({ _id: piece._id });
    if (found?.digest !== piece.digest || found.task !== piece.task) throw new BulkheadError("envelope.replayed");
  }
  contentStored(parts, piece).catch((error: unknown) => {
    parts.log.error({ content: piece._id, ...toWire(error) }, "content stored, not recorded");
  });
  return { kind: "put", ref: piece._id, digest: piece.digest };
}
