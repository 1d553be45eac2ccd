import { BulkheadError } from "@bulkhead/core";
import { strictest } from "@bulkhead/policy";
import { type AgentPolicy, type Label, mayAct, roleOf, type TaskDocument } from "@bulkhead/schemas";
import type { Tasks } from "../ports.ts";
import type { ReadSubmission } from "./read.ts";

/** What a task inherits from where it comes from. */
export type Origin = Pick<TaskDocument, "trusted" | "principal" | "ceiling" | "depth" | "labels">;

/**
 * Only an operator's own signature makes text trusted. Everything else starts with label A; so does a trusted task with attachments, since
 * its worker sees them. A delegated task has its parent's labels, principal and ceiling as well (TIER-10).
 */
export async function originOf(service: Tasks, agent: string, read: ReadSubmission): Promise<Origin> {
  const policy = service.runtime.policy.agent(agent);
  if (policy === undefined) throw new BulkheadError("agent.unknown", `(${agent})`);
  const { issuer, submission } = read;
  if (submission.parent !== undefined)
    return await delegated(service, { agent, parent: submission.parent, toolset: issuer?.slice("exec-".length) ?? "" });
  const quotes = (submission.attachments ?? []).length > 0;
  const trusted = issuer !== undefined && roleOf(issuer) === "operator";
  if (trusted) assertMaySubmit(service, issuer);
  const labels: Label[] = trusted && !quotes ? [] : ["A"];
  return { trusted, principal: issuer ?? "anonymous", ceiling: policy.ceiling, depth: 0, labels };
}

interface Delegation {
  readonly agent: string;
  readonly parent: NonNullable<ReadSubmission["submission"]["parent"]>;
  /** The tool set of the executor that signed. */
  readonly toolset: string;
}

async function delegated(service: Tasks, { agent, parent: { task, callId }, toolset }: Delegation): Promise<Origin> {
  const { policy, labels } = service.runtime;
  const parent = await service.tasks.findOne({ _id: task });
  if (parent === undefined || !callId.startsWith(`${task}.`)) throw new BulkheadError("task.malformed", "(parent)");
  const [own, above] = [policy.agent(agent), policy.agent(parent.agent)];
  const depth = parent.depth + 1;
  if (own === undefined || above === undefined || depth > Math.min(own.limits.depth, above.limits.depth))
    throw new BulkheadError("task.malformed", "(delegated too deeply)");
  if (!mayHandOn(service, above, { agent, toolset }))
    throw new BulkheadError("forbidden", "(no tool of it hands on work)");
  const inherited = new Set<Label>(["A", ...parent.labels, ...(await labels.of(task))]);
  return {
    trusted: false,
    principal: parent.principal,
    ceiling: strictest([own.ceiling, parent.ceiling]),
    depth,
    labels: [...inherited].sort(),
  };
}

/** Whether a tool that the parent's agent may use, of the tool set that signed, hands on work to this agent. The user's own code may name any. */
function mayHandOn(
  { runtime }: Tasks,
  above: AgentPolicy,
  { agent, toolset }: Pick<Delegation, "agent" | "toolset">,
): boolean {
  const { policy } = runtime;
  const connections = policy.policy.toolsets[toolset]?.connections.filter(({ kind }) => kind === "tasks") ?? [];
  const giving = connections.filter(({ settings }) => asList(settings["agents"]).includes(agent));
  return Object.keys(above.tools).some((name) => {
    const tool = policy.tool(name);
    if (tool?.toolset !== toolset) return false;
    return tool.adapter.kind === "bundle" || giving.some((connection) => connection.name === tool.connection);
  });
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function assertMaySubmit({ runtime }: Tasks, issuer: string): void {
  if (!mayAct(runtime.policy.policy.operators, issuer))
    throw new BulkheadError("forbidden", `(${issuer} may only look)`);
}
