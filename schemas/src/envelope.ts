import { z } from "zod";
import { EpochMs, Identity } from "./primitives.ts";

/**
 * The signed envelope in which everything that is acted on travels (design §7). `sig` is Ed25519 over the domain-separated
 * canonical JSON of all other fields: a signature cannot be lifted into another type, issuer or body (ZT-02).
 * `packages/core` signs and opens it.
 */
export function envelopeOf<B extends z.ZodType>(type: string, body: B) {
  return z.strictObject({
    v: z.literal(1),
    type: z.literal(type),
    issuer: Identity,
    id: z.string().regex(/^[a-z0-9-]{1,64}$/),
    at: EpochMs,
    body,
    sig: z.string().regex(/^[A-Za-z0-9_-]{86}$/),
  });
}

/** An envelope whose body is looked at later. */
export const AnyEnvelope = z.strictObject({
  v: z.literal(1),
  type: z.string().max(64),
  issuer: Identity,
  id: z.string().regex(/^[a-z0-9-]{1,64}$/),
  at: EpochMs,
  body: z.unknown(),
  sig: z.string().regex(/^[A-Za-z0-9_-]{86}$/),
});
/** An envelope whose body is looked at later. */
export type AnyEnvelope = z.infer<typeof AnyEnvelope>;

/** Every reply on the bus: the value, or a code of the closed table with one line for a person; never a stack. */
export function replyOf<V extends z.ZodType>(value: V) {
  return z.discriminatedUnion("ok", [
    z.strictObject({ ok: z.literal(true), value }),
    z.strictObject({
      ok: z.literal(false),
      error: z.strictObject({ code: z.string().max(64), message: z.string().max(500).optional() }),
    }),
  ]);
}
