import { setTimeout as sleep } from "node:timers/promises";
import type { JsonObject, Outcome, ProposalView } from "@bulkhead/schemas";
import type { Command } from "commander";
import type { OperatorClient, Said } from "../client/operator-client.ts";
import { modeOf, readControl } from "../control/read.ts";
import { CliError, EXIT } from "../errors.ts";
import { confirm } from "../output/ask.ts";
import { describeProposal } from "../output/proposal.ts";
import { asOperator, type ClientOptions, examples, withClientOptions } from "./shared.ts";

interface DecideOptions extends ClientOptions {
  readonly reason?: string;
  readonly yes?: boolean;
  readonly set?: readonly string[];
  readonly args?: string;
}

type State = ProposalView["state"];

const WAIT_MS = 15_000;
const POLL_MS = 200;
/** States in which something still goes on. */
const BUSY: readonly State[] = ["pending", "holding", "editing", "released", "undoing"];
/** Where each outcome has a place, what it asks before, and where it leads. */
const RULES: Readonly<Record<Outcome, { from: readonly State[]; question: string; leadsTo: readonly State[] }>> = {
  approve: { from: ["pending"], question: "Approve exactly this?", leadsTo: ["executed", "window"] },
  deny: { from: ["pending", "holding"], question: "Deny this?", leadsTo: ["denied", "cancelled"] },
  cancel: { from: ["pending", "holding"], question: "Cancel this?", leadsTo: ["cancelled"] },
  undo: { from: ["window"], question: "Undo this?", leadsTo: ["undone"] },
  edit: { from: ["pending"], question: "Ask again with these arguments?", leadsTo: ["edited"] },
};

/** `approve <proposal>`: an approval of exactly what is shown, signed with the operator's key. */
export function addApprove(program: Command): void {
  const approve = decision(
    program,
    "approve",
    "show the exact action, sign an approval of it, and wait for its outcome",
  );
  examples(approve, "approve p-01k…", "approve p-01k… --as ana --yes");
}

/** `deny <proposal>`: a denial, signed with the operator's key; the agent is told the reason. */
export function addDeny(program: Command): void {
  const deny = withClientOptions(program.command("deny"))
    .description("sign a denial; the agent is told the reason")
    .argument("<proposal>")
    .requiredOption("-r, --reason <reason>", "why")
    .action((id: string, options: DecideOptions) => decide("deny", id, { ...options, yes: true }));
  examples(deny, 'deny p-01k… --reason "Not our customer."');
}

/** `cancel <proposal>`: keeps what has not run yet from running. */
export function addCancel(program: Command): void {
  const cancel = decision(program, "cancel", "keep what waits or is held from running");
  examples(cancel, 'cancel p-01k… --reason "We have changed our mind."');
}

/** `undo <proposal>`: undoes what ran, while its window is open. */
export function addUndo(program: Command): void {
  const undo = decision(program, "undo", "undo what ran, while its window is open");
  examples(undo, "undo p-01k…", 'undo p-01k… --reason "Wrong folder."');
}

/** `edit <proposal>`: changes arguments; what comes of it is another proposal, which is decided anew. */
export function addEdit(program: Command): void {
  const edit = decision(program, "edit", "change arguments: what comes of it is another proposal, decided anew")
    .option("-s, --set <name=value...>", "one argument; the value is JSON, or else a text")
    .option("--args <json>", "all arguments, as a JSON object");
  examples(edit, "edit p-01k… --set cents=4900", `edit p-01k… --set 'to=["bea@example.net"]' --yes`);
}

function decision(program: Command, outcome: Outcome, description: string): Command {
  return withClientOptions(program.command(outcome))
    .description(description)
    .argument("<proposal>")
    .option("-r, --reason <reason>", "why")
    .option("-y, --yes", "do not ask again on a terminal")
    .action((id: string, options: DecideOptions) => decide(outcome, id, options));
}

async function decide(outcome: Outcome, id: string, options: DecideOptions): Promise<void> {
  const { from, question, leadsTo } = RULES[outcome];
  await asOperator(options, async ({ client, out }) => {
    const { proposal } = await client.ask({ kind: "proposals.show", proposal: id });
    out.say(describeProposal(proposal, out.paint, client.policy));
    if (!from.includes(proposal.state))
      throw new CliError(`It is ${proposal.state}: there is nothing to ${outcome}.`, EXIT.refused);
    await assertRuns(client, outcome);
    const args = outcome === "edit" ? editedArgs(proposal, options) : undefined;
    if (args !== undefined)
      out.say(`with these arguments instead:\n  ${JSON.stringify(args, null, 2).replaceAll("\n", "\n  ")}`);
    if (options.yes !== true && out.interactive && !(await confirm(question)))
      throw new CliError("Nothing was signed.", EXIT.refused);
    await client.decide(proposal, saidOf(outcome, args, options.reason));
    const after = await outcomeOf(client, proposal);
    out.give(after);
    out.say(`${out.paint.bold(after.id)} is ${after.state}${after.code === undefined ? "" : ` (${after.code})`}.`);
    if (after.successor !== undefined) out.say(`Decide on ${out.paint.bold(after.successor)} instead.`);
    const partly = outcome === "approve" && after.approvedBy.length > proposal.approvedBy.length;
    if (partly && after.state === "pending")
      out.say(`${after.approvedBy.length} of ${after.needed} persons have approved.`);
    else if (!leadsTo.includes(after.state)) process.exitCode = EXIT.failed;
  });
}

/** What only makes an effect run is not signed while none may: a signature for later would be a trap. */
async function assertRuns(client: OperatorClient, outcome: Outcome): Promise<void> {
  if (outcome !== "approve" && outcome !== "undo") return;
  if (modeOf(client, (await readControl(client))()) === "observe")
    throw new CliError(`The mode is observe: no effect runs, so there is nothing to ${outcome}.`, EXIT.refused);
}

function saidOf(outcome: Outcome, args: JsonObject | undefined, reason: string | undefined): Said {
  return { outcome, ...(args && { args }), ...(reason !== undefined && { reason }) };
}

function editedArgs({ action }: ProposalView, { args, set = [] }: DecideOptions): JsonObject {
  if (args === undefined && set.length === 0) throw new CliError("Say what to change: --set name=value.", EXIT.usage);
  const base = args === undefined ? action.args : (jsonOf(args) as JsonObject);
  const changes = set.map((one) => {
    const at = one.indexOf("=");
    if (at < 1) throw new CliError(`"${one}" is not name=value.`, EXIT.usage);
    return [one.slice(0, at), jsonOf(one.slice(at + 1))];
  });
  return { ...base, ...(Object.fromEntries(changes) as JsonObject) };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** The proposal when something has come of the decision. */
async function outcomeOf(client: OperatorClient, before: ProposalView): Promise<ProposalView> {
  for (const deadline = performance.now() + WAIT_MS; ; ) {
    const { proposal } = await client.ask({ kind: "proposals.show", proposal: before.id });
    const agreed = proposal.approvedBy.length > before.approvedBy.length && proposal.state === "pending";
    if (agreed || !BUSY.includes(proposal.state) || performance.now() > deadline) {
      if (proposal.state !== before.state || agreed || performance.now() > deadline) return proposal;
    }
    await sleep(POLL_MS);
  }
}
