import type { JsonObject, JsonValue } from "@bulkhead/schemas";
import type { z } from "zod";

/** The key under which an argument's normalisation stands in a tool's JSON Schema. */
export const NORMALISE_KEY = "x-normalise";

/** What may be done to an argument's text without changing what it means. */
export type Normalisation = "trim" | "nfc" | "lower" | "collapse";

const STEPS: Record<Normalisation, (text: string) => string> = {
  trim: (text) => text.trim(),
  nfc: (text) => text.normalize("NFC"),
  lower: (text) => text.toLowerCase(),
  collapse: (text) => text.replace(/\s+/gu, " "),
};

/** Declares how an argument's text is brought to one form before it is compared. Steps run in the given order. */
export function normalised<S extends z.ZodType>(steps: readonly Normalisation[], schema: S): S {
  return schema.meta({ ...schema.meta(), [NORMALISE_KEY]: steps });
}

/**
 * The arguments in the one form in which they are compared: for deduplication and endorsement. Never used for what is
 * executed: an adapter gets the very bytes that were approved (S3).
 */
export function normaliseArgs(inputSchema: JsonObject, args: JsonObject): JsonObject {
  const properties = (inputSchema["properties"] ?? {}) as Record<string, JsonObject>;
  return Object.fromEntries(
    Object.entries(args).map(([name, value]) => [name, normaliseValue(stepsOf(properties[name]), value)]),
  );
}

function stepsOf(schema: JsonObject | undefined): readonly Normalisation[] {
  const items = schema?.["items"] as JsonObject | undefined;
  const steps = schema?.[NORMALISE_KEY] ?? items?.[NORMALISE_KEY];
  return Array.isArray(steps) ? (steps as Normalisation[]) : [];
}

function normaliseValue(steps: readonly Normalisation[], value: JsonValue): JsonValue {
  if (typeof value === "string") return steps.reduce((text, step) => STEPS[step](text), value);
  return Array.isArray(value) ? value.map((item) => normaliseValue(steps, item)) : value;
}
