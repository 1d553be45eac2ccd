import type { ArgumentRole, JsonObject, JsonValue } from "@bulkhead/schemas";
import type { z } from "zod";

/** The key under which a role stands in a tool's JSON Schema. */
export const ROLE_KEY = "x-role";

/**
 * Marks an argument as *authority* (design §3): one that an attacker would want to choose. A call that nobody decides
 * takes its value only from endorsed sources. Works on the argument or on the items of a list.
 */
export function role<S extends z.ZodType>(kind: ArgumentRole, schema: S): S {
  return schema.meta({ [ROLE_KEY]: kind });
}

/** The top-level arguments of an input schema that carry a role, at whatever depth it is written. */
export function rolesOf(inputSchema: JsonObject): Record<string, ArgumentRole> {
  const roles: Record<string, ArgumentRole> = {};
  for (const [name, schema] of Object.entries(inputSchema["properties"] ?? {})) {
    const found = findKey(schema as JsonValue, ROLE_KEY);
    if (typeof found === "string") roles[name] = found as ArgumentRole;
  }
  return roles;
}

/** The first value under `key` anywhere in `value`, depth first. */
export function findKey(value: JsonValue, key: string): JsonValue | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (!Array.isArray(value) && Object.hasOwn(value, key)) return value[key];
  for (const item of Object.values(value)) {
    const found = findKey(item, key);
    if (found !== undefined) return found;
  }
  return undefined;
}
