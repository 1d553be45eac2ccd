import { derivedId } from "@bulkhead/core";
import { z } from "zod";
import { AnyEnvelope } from "./envelope.ts";
import { ContentRef, Digest, DurationMs, Labels, Provenance, Token } from "./primitives.ts";

/** The most bytes (UTF-8) that one piece of content may have. */
export const MAX_CONTENT_BYTES = 512 * 1024;

/** `bh.content.<service>`: puts or gets one piece of client text (design §2). A host gets only with a lease, and only its task's pieces. */
export const ContentRequest = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("put"),
    task: Token,
    about: z.enum(["task", "attachment", "model", "result", "dead"]),
    text: z.string(),
    labels: Labels,
    provenance: Provenance,
    /** Shorter than the policy's retention, if set; never longer. */
    ttlMs: DurationMs.optional(),
  }),
  z.strictObject({ kind: z.literal("get"), ref: ContentRef, lease: AnyEnvelope.optional() }),
]);
/** Puts or gets one piece of content. */
export type ContentRequest = z.infer<typeof ContentRequest>;

/**
 * The reference of what a signed request puts: made of its issuer, id and time, so that a request that is sent twice puts one piece, and
 * that its sender knows the reference before the answer.
 */
export function contentRefOf({
  issuer,
  id,
  at,
}: {
  readonly issuer: string;
  readonly id: string;
  readonly at: number;
}) {
  return derivedId("c", at, `${issuer}\n${id}`);
}

/** The reference of what was put, or the piece. */
export const ContentReply = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("put"), ref: ContentRef, digest: Digest }),
  z.strictObject({
    kind: z.literal("get"),
    ref: ContentRef,
    task: Token,
    text: z.string(),
    labels: Labels,
    provenance: Provenance,
  }),
]);
/** The reference of what was put, or the piece. */
export type ContentReply = z.infer<typeof ContentReply>;
