import { escapeControl } from "@bulkhead/core";
import type { LoadedPolicy } from "@bulkhead/policy";
import type { JsonValue, ProposalView } from "@bulkhead/schemas";
import { inWords } from "./reasons.ts";
import { block, type Paint, shown, timeOf } from "./terminal.ts";

/**
 * The exact action in full, by rule and not by a model (PROP-08): what it would do in the tool's own words, every argument, escaped, what it
 * would change, whether it can be undone, and why a person is asked. What agents wrote is marked as theirs.
 */
export function describeProposal(proposal: ProposalView, paint: Paint, policy?: LoadedPolicy): string {
  const { id, state, action, terms, tier, labels, reasons } = proposal;
  const code = proposal.code === undefined ? "" : ` (${proposal.code})`;
  return [
    `${paint.bold(id)}  ${state}${code}`,
    ...(sentenceOf(proposal, policy) ?? []).map((line) => paint.bold(line)),
    `agent       ${action.agent}, for ${action.principal}, task ${action.task}`,
    `tool        ${paint.bold(action.tool)}  at ${tier}`,
    ...(reasons.length > 0 ? [`asked since ${inWords(reasons)}`] : []),
    `labels      ${labelsOf(labels)}`,
    ...effectsOf(proposal, policy),
    `time        ${timeSentence(proposal)}`,
    ...decidedLines(proposal),
    `arguments   ${paint.dim("(written by the agent, not verified)")}`,
    ...Object.entries(action.args).map(([name, value]) => argument(name, value, paint)),
    ...(proposal.before === undefined
      ? []
      : ["as it is now (read by the tool's own code):", block(proposal.before, "  ")]),
    ...(proposal.undo === undefined ? [] : ["undoing it would run:", block(JSON.stringify(proposal.undo), "  ")]),
    paint.dim(`action      ${terms.action}`),
  ].join("\n");
}

/** What the call does, in the tool's own words with the call's arguments in them. */
export function sentenceOf({ action }: ProposalView, policy: LoadedPolicy | undefined): readonly [string] | undefined {
  const template = policy?.tool(action.tool)?.sentence;
  if (template === undefined) return undefined;
  const said = template.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = action.args[name];
    return value === undefined
      ? "(none)"
      : `“${shown(typeof value === "string" ? value : JSON.stringify(value), 120)}”`;
  });
  return [said];
}

const EFFECTS: Readonly<Record<string, string>> = {
  state: "changes something in the house",
  out: "leaves the house",
  money: "moves money",
  irreversible: "cannot be undone",
};

function effectsOf({ action, mode }: ProposalView, policy: LoadedPolicy | undefined): string[] {
  const tool = policy?.tool(action.tool);
  if (tool === undefined) return [];
  const what = tool.effects.map((effect) => EFFECTS[effect] ?? effect).join(", ") || "reads";
  const back = tool.rollback?.mode === "compensate" ? `${tool.rollback.tool} undoes it` : "there is no inverse";
  return [`effect      ${what}; ${mode === "compensate" ? "it runs at once, and " : ""}${back}`];
}

function timeSentence({ state, terms, dueAt, needed, approvedBy, escalatedAt }: ProposalView): string {
  const due = `${timeOf(dueAt)} UTC`;
  const louder = escalatedAt === undefined ? "" : " (half of the time is over)";
  const more = needed > 1 ? `; ${approvedBy.length} of ${needed} persons have approved` : "";
  if (state === "holding") return `runs after ${due}, unless somebody cancels it`;
  if (state === "window") return `ran; can be undone until ${due}`;
  if (state === "pending") return `decide by ${due}${louder}; if nobody does, it never runs${more}`;
  return `valid until ${timeOf(terms.expiresAt)} UTC${more}`;
}

function decidedLines({ decidedBy, reason, parent, successor }: ProposalView): string[] {
  return [
    ...(decidedBy === undefined ? [] : [`decided by  ${decidedBy}${reason === undefined ? "" : `: ${shown(reason)}`}`]),
    ...(parent === undefined ? [] : [`replaces    ${parent}, whose arguments a person changed`]),
    ...(successor === undefined ? [] : [`replaced by ${successor}`]),
  ];
}

function labelsOf(labels: readonly string[]): string {
  const said = { A: "A (read untrusted text)", B: "B (sensitive data in reach)" } as Record<string, string>;
  return labels.length === 0 ? "none" : labels.map((label) => said[label] ?? label).join(", ");
}

function argument(name: string, value: JsonValue, paint: Paint): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  const hidden = escapeControl(text, { multiline: true }) !== text;
  const mark = hidden ? paint.red("  ! holds characters that cannot be seen; they are shown escaped") : "";
  const long = text.includes("\n") || text.length > 80;
  const body = long ? `:\n${block(text, "      ")}` : `: ${escapeControl(text)}`;
  return `  ${shown(name)}${body}${hidden ? `\n${mark}` : ""}`;
}
