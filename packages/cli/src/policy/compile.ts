import type { AgentPolicy, Policy, ToolContract, ToolGrant, ToolsetPolicy } from "@bulkhead/schemas";
import { type Catalogue, contractOf, type Offer } from "./catalogue.ts";
import type { ModelEndpoint } from "./environment.ts";
import type { PolicyFile } from "./file.ts";
import { identitiesOf } from "./keys.ts";
import { modelsOf } from "./models.ts";
import { proposable, type Rehearsals } from "./rehearsals.ts";

/** The compiled policy without the keys of its identities. */
export type Draft = Omit<Policy, "trust" | "signedAt">;

/**
 * The policy that a checked file means. Only tools that some agent is given are in it, and those that undo them: nothing else exists
 * for the runtime.
 */
export function compile(
  file: PolicyFile,
  catalogue: Catalogue,
  { rehearsals, endpoint }: { readonly rehearsals: Rehearsals; readonly endpoint?: ModelEndpoint | undefined },
): Draft {
  const tools = Object.fromEntries(offersOf(file, catalogue).map(([name, offer]) => [name, contractOf(offer)]));
  const passed = [...rehearsals].filter(([name, { passed: known }]) => known && Object.hasOwn(tools, name));
  return {
    v: 1,
    name: file.name,
    agents: mapValues(file.agents, agentOf),
    tools,
    toolsets: toolsetsOf(tools, catalogue),
    ...(passed.length > 0 && { rehearsals: Object.fromEntries(passed.map(([name, { hash }]) => [name, hash])) }),
    operators: mapValues(file.operators, ({ person, roles }, name) => ({ name, person: person ?? name, roles })),
    clients: file.clients,
    models: modelsOf(file, endpoint),
    dailyMicros: file.daily,
    approval: {
      timeoutMs: file.approval.timeout,
      onTimeout: file.approval.onTimeout,
      maxPendingPerAgent: file.approval.maxPending,
    },
    retention: {
      contentMs: file.retention.content,
      taskMs: file.retention.tasks,
      streamMs: file.retention.streams,
    },
    mode: file.mode,
  };
}

/** The body that is signed. */
export function complete(draft: Draft, trust: Policy["trust"], signedAt: number): Policy {
  return { ...draft, trust, signedAt };
}

/** The identities whose keys the draft needs. */
export function identitiesOfDraft(draft: Draft): string[] {
  return identitiesOf(draft);
}

function offersOf(file: PolicyFile, catalogue: Catalogue): [string, Offer][] {
  const granted = Object.values(file.agents).flatMap(({ tools }) => Object.keys(tools));
  const undoing = proposable(file, catalogue).map((each) => each.undoing.tool.name);
  const names = new Set([...granted, ...undoing]);
  return [...catalogue.offers].filter(([name]) => names.has(name));
}

function agentOf(agent: PolicyFile["agents"][string], name: string): AgentPolicy {
  const { purpose, model, tools, ceiling, daily, concurrency, limits } = agent;
  const { steps, calls, tokens, time, depth } = limits;
  return {
    name,
    purpose,
    modelClass: model,
    tools: mapValues(tools, grantOf),
    ceiling,
    limits: { steps, calls, tokens, wallMs: time, depth },
    dailyMicros: daily,
    concurrency,
  };
}

function grantOf({ tier, window, approvals, exception }: PolicyFile["agents"][string]["tools"][string]): ToolGrant {
  return {
    tier,
    ...(window !== undefined && { windowMs: window }),
    ...(approvals && { approvals: { count: approvals.count, ...(approvals.from && { from: approvals.from }) } }),
    ...(exception && { exception: { owner: exception.owner, reason: exception.reason, expiresAt: exception.until } }),
  };
}

function toolsetsOf(tools: Record<string, ToolContract>, { connections }: Catalogue): Record<string, ToolsetPolicy> {
  const names = [...new Set(Object.values(tools).map(({ toolset }) => toolset))].sort();
  return Object.fromEntries(names.map((name) => [name, toolsetOf(name, Object.values(tools), connections)]));
}

function toolsetOf(name: string, tools: readonly ToolContract[], connections: Catalogue["connections"]): ToolsetPolicy {
  const own = tools.filter(({ toolset }) => toolset === name);
  const used = new Set(own.map(({ connection }) => connection));
  return {
    name,
    connections: connections
      .filter((connection) => used.has(connection.name))
      .map(({ name: connection, kind, settings }) => ({ name: connection, kind, settings })),
    credentials: [...new Set(own.flatMap(({ credentials }) => credentials))].sort(),
  };
}

function mapValues<V, W>(record: Readonly<Record<string, V>>, map: (value: V, key: string) => W): Record<string, W> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value, key)]));
}
