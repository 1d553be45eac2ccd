import type { Policy, ToolContract } from "@bulkhead/schemas";
import type { ActionType, SchemaJson } from "@cedar-policy/cedar-wasm/nodejs";
import { type CedarType, recordType } from "./types.ts";

/** What of a policy rules are written against. */
export type RuleGround = Pick<Policy, "tools" | "rules" | "watch">;

const EFFECTS = ["state", "out", "money", "irreversible"] as const;

/** The group of all tools with an effect: `action in Action::"effect:money"`. */
export const effectGroup = (effect: string): string => `effect:${effect}`;

/**
 * The schema that rules are checked against, made from the policy: an action for each tool, with the types of its arguments; principals
 * are agents, resources are connections.
 */
export function ruleSchema(ground: RuleGround): SchemaJson<string> {
  const groups = EFFECTS.map((effect): [string, ActionType<string>] => [effectGroup(effect), {}]);
  const tools = Object.values(ground.tools).map((tool): [string, ActionType<string>] => [
    tool.name,
    actionOf(tool, ground),
  ]);
  return {
    "": { entityTypes: { Agent: {}, Connection: {} }, actions: Object.fromEntries([...groups, ...tools]) },
  };
}

/** The names of the limits that a tool's calls count for. */
export function limitsOf(tool: string, { watch }: RuleGround): string[] {
  return Object.entries(watch?.limits ?? {}).flatMap(([name, limit]) => (limit.tools.includes(tool) ? [name] : []));
}

/** The types of what a rule about a tool can look at. */
export function contextOf(
  tool: ToolContract,
  ground: RuleGround,
): CedarType & { attributes: Record<string, CedarType> } {
  const used = limitsOf(tool.name, ground).map((name): [string, CedarType] => [name, { type: "Long" }]);
  return {
    type: "Record",
    attributes: {
      args: recordType(tool.inputSchema),
      used: { type: "Record", attributes: Object.fromEntries(used) },
      ...{ amount: { type: "Long" }, hour: { type: "Long" }, weekday: { type: "Long" }, tier: { type: "String" } },
      ...{ domains: strings(), effects: strings(), labels: strings() },
    },
  };
}

function actionOf(tool: ToolContract, ground: RuleGround): ActionType<string> {
  return {
    memberOf: tool.effects.map((effect) => ({ id: effectGroup(effect) })),
    appliesTo: { principalTypes: ["Agent"], resourceTypes: ["Connection"], context: contextOf(tool, ground) },
  };
}

const strings = (): CedarType => ({ type: "Set", element: { type: "String" } });
