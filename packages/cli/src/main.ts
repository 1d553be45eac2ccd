import { isBulkheadError } from "@bulkhead/core";
import { Command, CommanderError } from "commander";
import { addAudit } from "./commands/audit.ts";
import { addCheck } from "./commands/check.ts";
import { addDecide } from "./commands/decide.ts";
import { addDoctor } from "./commands/doctor.ts";
import { addInit } from "./commands/init.ts";
import { addProposals } from "./commands/proposals.ts";
import { addSign } from "./commands/sign.ts";
import { addStatus } from "./commands/status.ts";
import { addTask } from "./commands/task.ts";
import { addTasks } from "./commands/tasks.ts";
import { addUp } from "./commands/up.ts";
import { CliError, EXIT } from "./errors.ts";

const program = new Command("bulkhead")
  .description("a zero-trust runtime for autonomous LLM agents: agents ask, services decide, watch, execute and record")
  .version("0.1.0")
  .showHelpAfterError("(see --help)")
  .showSuggestionAfterError()
  .exitOverride();
const groups = [addInit, addCheck, addSign, addUp, addTask, addTasks, addProposals, addDecide, addAudit, addStatus, addDoctor];
for (const add of groups) add(program);
for (const command of program.commands) inherit(command);

/** Subcommands end by throwing, too. */
function inherit(command: Command): void {
  command.exitOverride().showHelpAfterError("(see --help)");
  for (const child of command.commands) inherit(child);
}

/** What a failure means for a person and for a script. */
function tell(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (error instanceof CliError) {
    process.stderr.write(`${error.message}\n`);
    return error.exitCode;
  }
  if (isBulkheadError(error)) {
    process.stderr.write(`${error.message} (${error.code})\n`);
    return error.disposition === "deny" ? EXIT.refused : EXIT.failed;
  }
  if (error instanceof Error && error.name === "AbortError") return EXIT.interrupted;
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  return EXIT.failed;
}

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = tell(error);
}
