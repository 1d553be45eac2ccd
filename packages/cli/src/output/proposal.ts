import { escapeControl } from "@bulkhead/core";
import type { JsonValue, ProposalView } from "@bulkhead/schemas";
import { block, type Paint, shown, timeOf } from "./terminal.ts";

/**
 * The exact action in full, by rule and not by a model (PROP-08): every argument, escaped. What agents wrote is marked as theirs.
 */
export function describeProposal(proposal: ProposalView, paint: Paint): string {
  const { id, state, action, terms, tier, labels, reasons } = proposal;
  const decided = proposal.decidedBy === undefined ? [] : [`decided by  ${proposal.decidedBy}${reasonOf(proposal)}`];
  return [
    `${paint.bold(id)}  ${state}${proposal.code === undefined ? "" : ` (${proposal.code})`}`,
    `agent       ${action.agent}, for ${action.principal}, task ${action.task}`,
    `tool        ${paint.bold(action.tool)}  at ${tier}${reasons.length > 0 ? `, because ${reasons.join(", ")}` : ""}`,
    `labels      ${labelsOf(labels)}`,
    `decide by   ${timeOf(terms.expiresAt)} UTC; if nobody does, it never runs`,
    ...decided,
    `arguments   ${paint.dim("(written by the agent)")}`,
    ...Object.entries(action.args).map(([name, value]) => argument(name, value)),
    paint.dim(`action      ${terms.action}`),
  ].join("\n");
}

function reasonOf({ reason }: ProposalView): string {
  return reason === undefined ? "" : `: ${shown(reason)}`;
}

function labelsOf(labels: readonly string[]): string {
  const said = { A: "A (read untrusted text)", B: "B (sensitive data in reach)" } as Record<string, string>;
  return labels.length === 0 ? "none" : labels.map((label) => said[label] ?? label).join(", ");
}

function argument(name: string, value: JsonValue): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  const long = text.includes("\n") || text.length > 80;
  return long ? `  ${shown(name)}:\n${block(text, "      ")}` : `  ${shown(name)}: ${escapeControl(text)}`;
}
