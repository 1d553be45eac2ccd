/**
 * Owns: what of a tool's JSON Schema rules can speak of, and the arguments in that form.
 * Does not own: whether the arguments are valid (the tool's validator, before).
 * Invariants: S4: an argument that Cedar cannot hold (fractions, alternatives, null) is left out of the schema too, so that a rule that names it is
 * refused when it is checked, and never silently false. Only keys of the signed schema are copied, so no value can become an entity.
 */
import { BulkheadError } from "@bulkhead/core";
import type { JsonObject, JsonValue } from "@bulkhead/schemas";
import type { CedarValueJson, Type, TypeOfAttribute } from "@cedar-policy/cedar-wasm/nodejs";

/** A type in Cedar's JSON schema. */
export type CedarType = Type<string>;

const SCALARS: Readonly<Record<string, CedarType>> = {
  string: { type: "String" },
  integer: { type: "Long" },
  boolean: { type: "Boolean" },
};

/** The Cedar type of a JSON Schema; undefined where there is none. */
export function cedarType(schema: JsonValue | undefined): CedarType | undefined {
  if (!isObject(schema)) return undefined;
  const type = schema["type"] ?? typeOfEnum(schema["enum"]);
  if (typeof type !== "string") return undefined;
  if (type === "array") {
    const element = cedarType(schema["items"]);
    return element && { type: "Set", element };
  }
  return type === "object" ? recordType(schema) : SCALARS[type];
}

/** The record type of an object schema: the properties that Cedar can hold. */
export function recordType(schema: JsonObject): CedarType {
  const required = Array.isArray(schema["required"]) ? schema["required"] : [];
  const properties = isObject(schema["properties"]) ? Object.entries(schema["properties"]) : [];
  const attributes = properties.flatMap(([name, property]): [string, TypeOfAttribute<string>][] => {
    const type = cedarType(property);
    return type === undefined ? [] : [[name, { ...type, required: required.includes(name) }]];
  });
  return { type: "Record", attributes: Object.fromEntries(attributes) };
}

/** A value in the form of its type. @throws BulkheadError `rule.denied` if it is not of it: what cannot be judged does not run */
export function cedarValue(type: CedarType, value: JsonValue | undefined): CedarValueJson {
  if (type.type === "String" && typeof value === "string") return value;
  if (type.type === "Boolean" && typeof value === "boolean") return value;
  if (type.type === "Long" && Number.isSafeInteger(value)) return value as number;
  if (isSet(type) && Array.isArray(value)) return value.map((item) => cedarValue(type.element, item));
  if (isRecord(type) && isObject(value)) return recordValue(type, value);
  throw new BulkheadError("rule.denied", "(a value cannot be judged)");
}

function recordValue({ attributes }: RecordLike, value: JsonObject): CedarValueJson {
  const there = Object.entries(attributes).filter(([name]) => Object.hasOwn(value, name));
  return Object.fromEntries(there.map(([name, type]) => [name, cedarValue(type, value[name])]));
}

interface RecordLike {
  readonly attributes: Readonly<Record<string, TypeOfAttribute<string>>>;
}

const isRecord = (type: CedarType): type is CedarType & RecordLike => type.type === "Record";
const isSet = (type: CedarType): type is CedarType & { readonly element: CedarType } => type.type === "Set";

function typeOfEnum(values: JsonValue | undefined): string | undefined {
  return Array.isArray(values) && values.every((one) => typeof one === "string") ? "string" : undefined;
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
