import { ProposalState, type ProposalView } from "@bulkhead/schemas";
import { type Command, Option } from "commander";
import type { Output } from "../output/output.ts";
import { describeProposal } from "../output/proposal.ts";
import { shown, table, timeOf } from "../output/terminal.ts";
import { asOperator, type ClientOptions, examples, withClientOptions } from "./shared.ts";

/** `proposals`: what waits for a person, and what became of the rest. */
export function addProposals(program: Command): void {
  const proposals = program.command("proposals").description("list what waits for a person, or show one in full");
  const list = withClientOptions(proposals.command("list", { isDefault: true }))
    .description("list proposals; by default those that wait")
    .addOption(
      new Option("-s, --state <state>", "only these").choices([...ProposalState.options, "all"]).default("pending"),
    )
    .action(listProposals);
  examples(list, "proposals", "proposals list --state all", "proposals show p-01k…");
  withClientOptions(proposals.command("show"))
    .description("show one in full")
    .argument("<proposal>")
    .action(showProposal);
}

async function listProposals({
  state,
  ...options
}: ClientOptions & { readonly state: ProposalView["state"] | "all" }): Promise<void> {
  await asOperator(options, async ({ client, out }) => {
    const { proposals } = await client.ask({ kind: "proposals.list", ...(state !== "all" && { state }) });
    out.give(proposals);
    if (proposals.length === 0) out.say(state === "pending" ? "Nothing waits for a person." : "There are none.");
    else out.say(rows(proposals, out));
  });
}

function rows(proposals: readonly ProposalView[], { paint }: Output): string {
  const lines = proposals.map(({ id, state, action, openedAt, labels }) => [
    ...[id, state, action.agent, action.tool, labels.join("") || "-", timeOf(openedAt)],
    shown(JSON.stringify(action.args), 80),
  ]);
  return `${table(lines)}\n${paint.dim("In full: npx bulkhead proposals show ID. Then: approve ID, or deny ID --reason …")}`;
}

async function showProposal(id: string, options: ClientOptions): Promise<void> {
  await asOperator(options, async ({ client, out }) => {
    const { proposal } = await client.ask({ kind: "proposals.show", proposal: id });
    out.give(proposal);
    out.say(describeProposal(proposal, out.paint));
  });
}
