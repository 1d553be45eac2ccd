import type { ErrorCode } from "@bulkhead/core";
import { CallId, type ContentDocument } from "@bulkhead/schemas";
import type { MemoryParts } from "./service.ts";

export async function contentStored({ audit, log }: MemoryParts, piece: ContentDocument): Promise<void> {
  log.info({ content: piece._id, task: piece.task, about: piece.about, by: piece.by }, "content stored");
  await audit.record("content.stored", {
    ...about(piece),
    labels: piece.labels,
    digest: piece.digest,
    principal: piece.by,
  });
}

export async function contentRead({ audit }: MemoryParts, piece: ContentDocument, by: string): Promise<void> {
  await audit.record("content.read", { ...about(piece), principal: by });
}

export async function contentShown(
  { audit, log }: MemoryParts,
  piece: ContentDocument,
  operator: string,
): Promise<void> {
  log.info({ content: piece._id, operator }, "content shown");
  await audit.record("query.answered", { ...about(piece), operator, state: "memory.show" });
}

export async function contentRefused(
  { audit, log }: MemoryParts,
  { piece, by, code }: { piece: ContentDocument; by: string; code: ErrorCode },
): Promise<void> {
  log.warn({ content: piece._id, by, code }, "content refused");
  await audit.record("content.refused", { ...about(piece), principal: by, code });
}

function about({ _id: content, task, about: state, provenance: { source } }: ContentDocument) {
  const call = CallId.safeParse(source).data;
  const kind = call?.endsWith(".m") === true ? "model" : "call";
  return { content, task, state, causes: [`task:${task}`, ...(call === undefined ? [] : [`${kind}:${call}`])] };
}
