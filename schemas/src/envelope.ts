import { envelopeSchema } from "@bulkhead/core";
import { z } from "zod";

/** An envelope whose body is looked at later. */
export const AnyEnvelope = envelopeSchema;
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
