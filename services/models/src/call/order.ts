import { BulkheadError, digest } from "@bulkhead/core";
import { type ChatTool, cost, estimateRequest, type TokenEstimate } from "@bulkhead/llm";
import { assertLeaseFits, type LoadedPolicy, openLease } from "@bulkhead/policy";
import type { ModelRequest } from "@bulkhead/schemas";
import type { Provider, Providers } from "../providers.ts";

/** A request that this service stands for: checked, with its tools from the policy, its model, and the most that it can cost. */
export interface Order {
  readonly id: string;
  readonly agent: string;
  readonly task: string;
  readonly principal: string;
  readonly messages: ModelRequest["messages"];
  readonly tools: readonly ChatTool[];
  readonly provider: Provider;
  readonly maxOutputTokens: number;
  readonly tokens: TokenEstimate;
  /** Counted input at its worst, and all the output that is allowed, at today's price (COST-03). */
  readonly worstMicros: number;
  /** Over everything that shapes the request; not over the lease, which is renewed. */
  readonly digest: string;
}

/** @throws BulkheadError `lease.*`, `agent.unknown`, `tool.undeclared`, `model.unknown`, `schema.invalid` */
export function orderOf(request: ModelRequest, policy: LoadedPolicy, providers: Providers, now: number): Order {
  const { id, agent, task, messages } = request;
  const lease = openLease(policy, request.lease, now);
  assertLeaseFits(lease, { agent, task, callId: id });
  if (!id.endsWith(".m")) throw new BulkheadError("schema.invalid", "(not the id of a model call)");
  const known = policy.agent(agent);
  if (known === undefined) throw new BulkheadError("agent.unknown");
  const provider = providers(known.modelClass);
  const tools = toolsOf(request.tools, policy, Object.keys(known.tools));
  const maxOutputTokens = Math.min(request.maxOutputTokens ?? Infinity, provider.maxOutputTokens);
  const tokens = estimateRequest(messages, tools);
  const worstMicros = cost({ inputTokens: tokens.worst, outputTokens: maxOutputTokens }, provider.price);
  const shape = { agent, task, id, messages, tools: request.tools, maxOutputTokens: request.maxOutputTokens ?? null };
  return {
    ...{ id, agent, task, messages, tools, provider, maxOutputTokens, tokens, worstMicros },
    principal: lease.principal,
    digest: digest("model", shape),
  };
}

/** Names, descriptions and schemas as they were signed: a worker cannot describe a tool in its own words (INJ-11). */
function toolsOf(names: readonly string[], policy: LoadedPolicy, granted: readonly string[]): ChatTool[] {
  return [...new Set(names)].map((name) => {
    const tool = granted.includes(name) ? policy.tool(name) : undefined;
    if (tool === undefined) throw new BulkheadError("tool.undeclared", `(${name})`);
    return { name, description: tool.description, parameters: tool.inputSchema };
  });
}
