import type { ProposalView, Query, QueryReply, TaskSubmission } from "@bulkhead/schemas";

/** The answer to one kind of question. */
export type Answer<K extends Query["kind"]> = Extract<QueryReply, { kind: K }>;

/** The demo's operator: a person with a key of their own, doing what the `bulkhead` commands do. */
export interface Operator {
  readonly name: string;
  submit(agent: string, task: TaskSubmission): Promise<void>;
  ask<K extends Query["kind"]>(query: Extract<Query, { kind: K }>): Promise<Answer<K>>;
  decide(proposal: ProposalView, outcome: "approve" | "deny", reason?: string): Promise<void>;
}
