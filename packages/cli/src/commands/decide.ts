import { setTimeout as sleep } from "node:timers/promises";
import type { ProposalView } from "@bulkhead/schemas";
import type { Command } from "commander";
import type { OperatorClient } from "../client/operator-client.ts";
import { CliError, EXIT } from "../errors.ts";
import { confirm } from "../output/ask.ts";
import { describeProposal } from "../output/proposal.ts";
import { asOperator, type ClientOptions, examples, withClientOptions } from "./shared.ts";

interface DecideOptions extends ClientOptions {
  readonly reason?: string;
  readonly yes?: boolean;
}

const WAIT_MS = 15_000;
const POLL_MS = 200;
const OPEN: readonly ProposalView["state"][] = ["pending", "approved", "released"];

/** `approve <proposal>`: an approval of exactly what is shown, signed with the operator's key. */
export function addApprove(program: Command): void {
  const approve = withClientOptions(program.command("approve"))
    .description("show the exact action, sign an approval of it with the operator's key, and wait for its outcome")
    .argument("<proposal>")
    .option("-r, --reason <reason>", "why")
    .option("-y, --yes", "do not ask again on a terminal")
    .action((id: string, options: DecideOptions) => decide("approve", id, options));
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

async function decide(outcome: "approve" | "deny", id: string, options: DecideOptions): Promise<void> {
  await asOperator(options, async ({ client, out }) => {
    const { proposal } = await client.ask({ kind: "proposals.show", proposal: id });
    out.say(describeProposal(proposal, out.paint));
    if (proposal.state !== "pending")
      throw new CliError(`It is ${proposal.state}: there is nothing to decide.`, EXIT.refused);
    if (options.yes !== true && out.interactive && !(await confirm("Approve exactly this?"))) {
      throw new CliError("Not approved.", EXIT.refused);
    }
    await client.decide(proposal, outcome, options.reason);
    const after = await outcomeOf(client, id);
    out.give(after);
    out.say(`${out.paint.bold(after.id)} is ${after.state}${after.code === undefined ? "" : ` (${after.code})`}.`);
    if (outcome === "approve" && after.state !== "executed") process.exitCode = EXIT.failed;
  });
}

async function outcomeOf(client: OperatorClient, id: string): Promise<ProposalView> {
  for (const deadline = performance.now() + WAIT_MS; ; ) {
    const { proposal } = await client.ask({ kind: "proposals.show", proposal: id });
    if (!OPEN.includes(proposal.state) || performance.now() > deadline) return proposal;
    await sleep(POLL_MS);
  }
}
