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

const ANY: Document = {};

/**
 * The `$jsonSchema` validator of a collection: the server's own second look at each document (ATT-075), whoever writes it.
 * It knows the fields, which are required, their types and, of closed sets, their values; every reader checks the rest by the contract.
 * It goes no deeper because it is paid for with each write.
 */
export function validatorOf(contract: CollectionContract): Document {
  const { properties = {}, required = [] } = jsonSchemaOf(contract);
  const fields = Object.entries(properties).map(([key, schema]) => [key, fieldOf(schema)]);
  const shape = { bsonType: "object", required, properties: Object.fromEntries(fields) as Document };
  return { $jsonSchema: { ...shape, additionalProperties: false } };
}

interface ObjectSchema {
  readonly properties?: Readonly<Record<string, Document>>;
  readonly required?: readonly string[];
}

function jsonSchemaOf(contract: CollectionContract): ObjectSchema {
  const schema: unknown = z.toJSONSchema(contract.document, {
    io: "input",
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema }) => {
      if (zodSchema._zod.def.type === "date") Object.assign(jsonSchema, { bsonType: "date" });
    },
  });
  return schema as ObjectSchema;
}

function fieldOf(schema: Document): Document {
  if (schema["bsonType"] !== undefined) return { bsonType: schema["bsonType"] as unknown };
  if (Array.isArray(schema["enum"])) return { enum: schema["enum"] };
  if (schema["const"] !== undefined) return { enum: [schema["const"]] };
  const bsonType = BSON_TYPES[String(schema["type"])];
  return bsonType === undefined ? ANY : { bsonType };
}
