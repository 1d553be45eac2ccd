import { BulkheadError } from "@bulkhead/core";
import type { ContentDocument } from "@bulkhead/schemas";
import type { CollectionPort } from "@bulkhead/store";

/** A piece that has not expired; the sweep comes later than the hour. @throws BulkheadError `content.missing` */
export async function readable(
  pieces: CollectionPort<ContentDocument>,
  ref: string,
  now: number,
): Promise<ContentDocument> {
  const piece = await pieces.findOne({ _id: ref });
  if (piece === undefined || piece.expires.getTime() <= now) throw new BulkheadError("content.missing");
  return piece;
}
