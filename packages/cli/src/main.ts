import { isBulkheadError } from "@bulkhead/core";
import { Command, CommanderError } from "commander";
import { CliError, EXIT } from "./errors.ts";

const program = new Command("bulkhead")
  .description("a zero-trust runtime for autonomous LLM agents: agents ask, services decide, watch, execute and record")
  .version("0.1.0")
  .showHelpAfterError("(see --help)")
  .showSuggestionAfterError()
  .exitOverride();

/** Each command and where it is. Only the one that is asked for is loaded; for help, all are. */
const COMMANDS: Readonly<Record<string, () => Promise<(program: Command) => void>>> = {
  init: async () => (await import("./commands/init.ts")).addInit,
  check: async () => (await import("./commands/check.ts")).addCheck,
  rehearse: async () => (await import("./commands/rehearse.ts")).addRehearse,
  sign: async () => (await import("./commands/sign.ts")).addSign,
  up: async () => (await import("./commands/up.ts")).addUp,
  task: async () => (await import("./commands/task.ts")).addTask,
  tasks: async () => (await import("./commands/tasks.ts")).addTasks,
  proposals: async () => (await import("./commands/proposals.ts")).addProposals,
  approve: async () => (await import("./commands/decide.ts")).addApprove,
  deny: async () => (await import("./commands/decide.ts")).addDeny,
  edit: async () => (await import("./commands/decide.ts")).addEdit,
  cancel: async () => (await import("./commands/decide.ts")).addCancel,
  undo: async () => (await import("./commands/decide.ts")).addUndo,
  audit: async () => (await import("./commands/audit.ts")).addAudit,
  report: async () => (await import("./commands/report.ts")).addReport,
  stop: async () => (await import("./commands/stop.ts")).addStop,
  resume: async () => (await import("./commands/stop.ts")).addResume,
  mode: async () => (await import("./commands/mode.ts")).addMode,
  operators: async () => (await import("./commands/operators.ts")).addOperators,
  status: async () => (await import("./commands/status.ts")).addStatus,
  deploy: async () => (await import("./commands/deploy.ts")).addDeploy,
  doctor: async () => (await import("./commands/doctor.ts")).addDoctor,
};

async function addCommands(asked: string | undefined): Promise<void> {
  const one = asked !== undefined && Object.hasOwn(COMMANDS, asked) ? COMMANDS[asked] : undefined;
  for (const load of one === undefined ? Object.values(COMMANDS) : [one]) (await load())(program);
  for (const command of program.commands) inherit(command);
}

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

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(EXIT.ok);
});
try {
  await addCommands(process.argv[2]);
  await program.parseAsync();
} catch (error) {
  process.exitCode = tell(error);
}
