import { CONTRACTS, type Contract, type ContractName, type Policy, type Role, roleOf } from "@bulkhead/schemas";

/** What the permissions are generated from: the part of the policy that names identities, agents, tools, tool sets and roles. */
export type Participants = Pick<Policy, "agents" | "tools" | "toolsets" | "clients" | "operators" | "trust">;

/** The contract map as rows. */
export const contractRows: readonly (readonly [ContractName, Contract])[] = Object.entries(CONTRACTS) as [
  ContractName,
  Contract,
][];

const OWN_PLACEHOLDER: Partial<Record<Role, string>> = { host: "agent", exec: "toolset", operator: "operator" };

/** The identities of these roles that the policy trusts. */
export function identitiesOf(roles: readonly Role[], participants: Participants): string[] {
  return Object.keys(participants.trust)
    .filter((identity) => roles.some((role) => role === roleOf(identity)))
    .sort();
}

/** What an identity fills into a subject by itself, and cannot choose: a host its agent, an executor its tool set, … */
export function ownValues(identity: string): Record<string, string> {
  const role = roleOf(identity);
  const key = role && OWN_PLACEHOLDER[role];
  return { service: identity, ...(key && { [key]: identity.slice(identity.indexOf("-") + 1) }) };
}

/** What a placeholder may be in the subjects that `identity` publishes to: enumerated, except for names that do not exist yet. */
export function publishableValues(
  placeholder: string,
  identity: string,
  participants: Participants,
): readonly string[] {
  const own = ownValues(identity)[placeholder];
  if (own !== undefined) return [own];
  if (placeholder === "agent" && roleOf(identity) === "client") return clientAgents(identity, participants);
  const all: Record<string, readonly string[]> = {
    agent: Object.keys(participants.agents),
    tool: Object.keys(participants.tools),
    toolset: Object.keys(participants.toolsets),
    label: ["A", "B"],
    task: ["*"],
    timer: ["*"],
  };
  return all[placeholder] ?? [];
}

function clientAgents(identity: string, participants: Participants): readonly string[] {
  return participants.clients[identity.slice("client-".length)]?.agents ?? [];
}

/** Every subject of a template with its placeholders replaced by each of their values. */
export function expand(template: string, valuesOf: (placeholder: string) => readonly string[]): string[] {
  const placeholder = /\{(\w+)\}/.exec(template)?.[1];
  if (placeholder === undefined) return [template];
  return valuesOf(placeholder).flatMap((value) => expand(template.replace(`{${placeholder}}`, value), valuesOf));
}

/** The subject that `identity` subscribes to in order to take part: an executor its own tool set, everyone else all values. */
export function servedSubject(contract: Contract, identity: string): string {
  const toolset = roleOf(identity) === "exec" ? ownValues(identity)["toolset"] : undefined;
  return contract.subject.replace(/\{(\w+)\}/g, (_, key: string) => (key === "toolset" && toolset) || "*");
}

/** The placeholders' values in a subject, or undefined if it does not fit the template. */
export function parseSubject(template: string, subject: string): Record<string, string> | undefined {
  const [expected, actual] = [template.split("."), subject.split(".")];
  if (expected.length !== actual.length) return undefined;
  const values: Record<string, string> = {};
  for (const [index, part] of expected.entries()) {
    const match = /^(.*)\{(\w+)\}$/.exec(part);
    const token = actual[index] ?? "";
    const [, prefix = "", key] = match ?? [];
    if (key === undefined ? part !== token : !token.startsWith(prefix)) return undefined;
    if (key !== undefined) values[key] = token.slice(prefix.length);
  }
  return values;
}
