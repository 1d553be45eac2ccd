import type { CollectionContract } from "@bulkhead/schemas";
import type { Document } from "mongodb";
import { z } from "zod";

const BSON_TYPES: Readonly<Record<string, unknown>> = {
  integer: ["int", "long", "double"],
  number: "number",
  string: "string",
  boolean: "bool",
  object: "object",
  array: "array",
  null: "null",
};

const KEPT = ["required", "enum", "minimum", "maximum", "minLength", "maxLength", "pattern", "minItems", "maxItems"];

/**
 * The `$jsonSchema` validator of a collection: the server's own second look at each document (ATT-075). It is the contract in the
 * subset that MongoDB knows; what the subset cannot say is not said, so a valid document is never refused.
 */
export function validatorOf(contract: CollectionContract): Document {
  const schema = z.toJSONSchema(contract.document, {
    io: "input",
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema }) => {
      if (zodSchema._zod.def.type === "date") Object.assign(jsonSchema, { bsonType: "date" });
    },
  });
  return { $jsonSchema: translate(schema) };
}

function translate(schema: Document): Document {
  const entries = Object.entries(schema).flatMap(([key, value]) => translateEntry(key, value));
  return Object.fromEntries(entries);
}

function translateEntry(key: string, value: unknown): [string, unknown][] {
  if (key === "bsonType" || KEPT.includes(key)) return [[key, value]];
  if (key === "type") return [["bsonType", BSON_TYPES[String(value)] ?? "object"]];
  if (key === "const") return [["enum", [value]]];
  if (key === "properties") return [[key, mapValues(value as Record<string, Document>)]];
  if (key === "items" || key === "additionalProperties") return [[key, translateOne(value)]];
  if (key === "anyOf" || key === "oneOf") return [["anyOf", (value as Document[]).map(translate)]];
  return [];
}

function translateOne(value: unknown): unknown {
  return typeof value === "object" && value !== null ? translate(value) : value;
}

function mapValues(properties: Readonly<Record<string, Document>>): Document {
  return Object.fromEntries(Object.entries(properties).map(([key, value]) => [key, translate(value)]));
}
