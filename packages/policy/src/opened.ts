import { BulkheadError, type ErrorCode, open } from "@bulkhead/core";
import type { z } from "zod";
import type { LoadedPolicy } from "./load.ts";

/** The body of an envelope of this type from an allowed issuer. @throws BulkheadError with `code` */
export function bodyOf<S extends z.ZodType>(
  policy: LoadedPolicy,
  envelope: unknown,
  type: string,
  schema: S,
  allowed: (issuer: string) => boolean,
  code: ErrorCode,
): z.output<S> {
  const keyOf = (issuer: string): string | undefined => (allowed(issuer) ? policy.keyOf(issuer) : undefined);
  return parse(schema, refusing(code, () => open(envelope, { type, keyOf })).body, code);
}

/** A value of this schema. @throws BulkheadError with `code` */
export function parse<S extends z.ZodType>(schema: S, value: unknown, code: ErrorCode): z.output<S> {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new BulkheadError(code, undefined, { cause: parsed.error });
  return parsed.data;
}

/** What `run` returns; whatever it throws becomes `code`. */
export function refusing<T>(code: ErrorCode, run: () => T): T {
  try {
    return run();
  } catch (cause) {
    throw new BulkheadError(code, undefined, { cause });
  }
}
