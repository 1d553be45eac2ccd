import { ProposalState, type ProposalView } from "@bulkhead/schemas";
import { type Command, Option } from "commander";
import type { Output } from "../output/output.ts";
import { describeProposal } from "../output/proposal.ts";
import { shown, table, timeOf } from "../output/terminal.ts";
import { watchProposals } from "../output/watch.ts";
import { asOperator, type ClientOptions, examples, withClientOptions } from "./shared.ts";

/** `proposals`: what waits for a person, and what became of the rest. */
export function addProposals(program: Command): void {
  const proposals = program.command("proposals").description("list what waits for a person, or show one in full");
  const list = withClientOptions(proposals.command("list", { isDefault: true }))
    .description("list proposals; by default those that wait")
    .addOption(
      new Option("-s, --state <state>", "only these").choices([...ProposalState.options, "all"]).default("pending"),
    )
    .option("-w, --watch", "show what waits and what can be undone until Ctrl-C")
    .action(listProposals);
  examples(list, "proposals", "proposals --watch", "proposals list --state all", "proposals show p-01k…");
  withClientOptions(proposals.command("show"))
    .description("show one in full")
    .argument("<proposal>")
    .action(showProposal);
}

interface ListOptions extends ClientOptions {
  readonly state: ProposalView["state"] | "all";
  readonly watch?: boolean;
}

async function listProposals({ state, watch, ...options }: ListOptions): Promise<void> {
  await asOperator(options, async ({ client, out }) => {
    if (watch === true) {
      await watchProposals(client, out, interrupted());
      return;
    }
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
  return `${table(lines)}\n${paint.dim("In full: npx bulkhead proposals show ID. Then: approve ID, deny ID --reason …, edit ID, cancel ID or undo ID")}`;
}

async function showProposal(id: string, options: ClientOptions): Promise<void> {
  await asOperator(options, async ({ client, out }) => {
    const { proposal } = await client.ask({ kind: "proposals.show", proposal: id });
    out.give(proposal);
    out.say(describeProposal(proposal, out.paint, client.policy));
  });
}

function interrupted(): AbortSignal {
  const ending = new AbortController();
  process.once("SIGINT", () => {
    ending.abort();
  });
  return ending.signal;
}
