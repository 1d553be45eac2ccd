import { BulkheadError } from "@bulkhead/core";
import { strictest } from "@bulkhead/policy";
import { type Label, roleOf, type TaskDocument } from "@bulkhead/schemas";
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
  if (submission.parent !== undefined) return await delegated(service, agent, submission.parent);
  const quotes = (submission.attachments ?? []).length > 0;
  const trusted = issuer !== undefined && roleOf(issuer) === "operator";
  if (trusted) assertMaySubmit(service, issuer);
  const labels: Label[] = trusted && !quotes ? [] : ["A"];
  return { trusted, principal: issuer ?? "anonymous", ceiling: policy.ceiling, depth: 0, labels };
}

type Parent = NonNullable<ReadSubmission["submission"]["parent"]>;

async function delegated(service: Tasks, agent: string, { task, callId }: Parent): Promise<Origin> {
  const { policy, labels } = service.runtime;
  const parent = await service.tasks.findOne({ _id: task });
  if (parent === undefined || !callId.startsWith(`${task}.`)) throw new BulkheadError("task.malformed", "(parent)");
  const [own, above] = [policy.agent(agent), policy.agent(parent.agent)];
  const depth = parent.depth + 1;
  if (own === undefined || above === undefined || depth > Math.min(own.limits.depth, above.limits.depth))
    throw new BulkheadError("task.malformed", "(delegated too deeply)");
  const inherited = new Set<Label>(["A", ...parent.labels, ...(await labels.of(task))]);
  return {
    trusted: false,
    principal: parent.principal,
    ceiling: strictest([own.ceiling, parent.ceiling]),
    depth,
    labels: [...inherited].sort(),
  };
}

function assertMaySubmit({ runtime }: Tasks, issuer: string): void {
  const roles = runtime.policy.policy.operators[issuer.slice("operator-".length)]?.roles ?? [];
  if (!roles.some((role) => role !== "viewer")) throw new BulkheadError("forbidden", `(${issuer} may only look)`);
}
