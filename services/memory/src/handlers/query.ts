import type { Received } from "@bulkhead/bus";
import { BulkheadError } from "@bulkhead/core";
import { JsonObject, type QueryReply } from "@bulkhead/schemas";
import { readable } from "../content/readable.ts";
import { contentShown } from "../events.ts";
import type { MemoryParts } from "../service.ts";

export async function query({ body, issuer }: Received<"queryMemory">, parts: MemoryParts): Promise<QueryReply> {
  if (body.kind !== "memory.show") throw new BulkheadError("query.unknown", `(${body.kind})`);
  const piece = await readable(parts.pieces, body.ref, parts.clock.now());
  await contentShown(parts, piece, issuer);
  const { _id: ref, task, text, labels, provenance } = piece;
  return { kind: body.kind, ref, task, text, labels, provenance: JsonObject.parse(provenance) };
}
