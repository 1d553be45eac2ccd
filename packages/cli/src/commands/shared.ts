import { existsSync } from "node:fs";
import { type Command, Option } from "commander";
import { connectOperator, type OperatorClient } from "../client/operator-client.ts";
import { CliError, EXIT } from "../errors.ts";
import { createOutput, type Output } from "../output/output.ts";
import { keyFile, type Project, projectAt } from "../policy/project.ts";
import { readSigned, type SignedPolicy } from "../policy/signed.ts";
import { requireEndpoint } from "../up/endpoint.ts";

/** Options of every command that talks to a running constellation. */
export interface ClientOptions {
  readonly dir: string;
  readonly as?: string;
  readonly json?: boolean;
}

/** Adds `--dir`, `--as` and `--json`. */
export function withClientOptions(command: Command): Command {
  return withJson(command)
    .addOption(new Option("-d, --dir <dir>", "the project folder").default("."))
    .option("--as <operator>", "the operator whose key is used (default: the only one, or the first with a key here)");
}

/** Adds `--json`. */
export function withJson(command: Command): Command {
  return command.option("--json", "print JSON instead of text");
}

/** Examples at the end of a command's help. */
export function examples(command: Command, ...lines: readonly string[]): Command {
  return command.addHelpText("after", `\nExamples:\n${lines.map((line) => `  $ npx bulkhead ${line}`).join("\n")}`);
}

/** What a client command works with. */
export interface ClientContext {
  readonly client: OperatorClient;
  readonly out: Output;
  readonly project: Project;
}

/** Connects as an operator, runs, and closes. */
export async function asOperator(
  options: ClientOptions,
  run: (context: ClientContext) => Promise<void>,
): Promise<void> {
  const project = projectAt(options.dir);
  const signed = await requireSigned(project);
  const { url } = await requireEndpoint(project);
  const keys = keyFile(project, `operator-${operatorName(project, signed, options.as)}`);
  await using client = await connectOperator({ url, keyFile: keys, policy: signed.loaded });
  await run({ client, out: createOutput(options.json === true), project });
}

/** The signed policy. @throws CliError if nothing is signed */
export async function requireSigned(project: Project): Promise<SignedPolicy> {
  const signed = await readSigned(project);
  if (signed !== undefined) return signed;
  const advice = existsSync(project.policyFile)
    ? `sign it with npx bulkhead sign ${project.dir}`
    : "give a project folder with --dir";
  throw new CliError(`There is no signed policy in ${project.dir}: ${advice}`, EXIT.usage);
}

function operatorName(project: Project, { loaded }: SignedPolicy, wanted: string | undefined): string {
  const names = Object.keys(loaded.policy.operators);
  if (wanted !== undefined && !names.includes(wanted)) {
    throw new CliError(`The policy names no operator "${wanted}"; there are: ${names.join(", ")}.`, EXIT.usage);
  }
  const found = wanted ?? names.find((name) => existsSync(keyFile(project, `operator-${name}`)));
  if (found === undefined)
    throw new CliError(`No operator's key is in ${project.keysDir}: give its owner's folder with --dir.`, EXIT.usage);
  return found;
}
