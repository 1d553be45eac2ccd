import type { JsonValue } from "@bulkhead/schemas";
import { type Rehearsed, stateDifferences, stateText } from "@bulkhead/tools";
import type { Command } from "commander";
import { CliError, EXIT } from "../errors.ts";
import { createOutput, type Output } from "../output/output.ts";
import { type Paint, shown } from "../output/terminal.ts";
import { didYouMean, formatMistake } from "../policy/mistakes.ts";
import { projectAt } from "../policy/project.ts";
import { type ReadProject, readProject } from "../policy/project-check.ts";
import { proposable, type Undoable, undoables } from "../policy/rehearsals.ts";
import { rehearseAndKeep, type Tried } from "../rehearse/room.ts";
import { examples, withJson } from "./shared.ts";

interface RehearseOptions {
  readonly all?: boolean;
  readonly live?: boolean;
  readonly json?: boolean;
}

/** `rehearse [dir] [tool...]`: does, undoes and compares, so that a policy may say PROPOSE. */
export function addRehearse(program: Command): void {
  const command = withJson(program.command("rehearse"))
    .description(
      "do, undo and compare each tool that may be undone, on a throw-away copy; sign lets only what passed be PROPOSE",
    )
    .argument("[dir]", "the project folder", ".")
    .argument("[tool...]", "only these tools (default: those that some agent may run at PROPOSE)")
    .option("-a, --all", "every tool that says how it is undone")
    .option("--live", "let tools of your own reach their real origins, with their real credentials")
    .action(rehearseProject);
  examples(command, "rehearse", "rehearse ../shop --all", "rehearse ../shop stock-set --live");
}

async function rehearseProject(dir: string, names: readonly string[], options: RehearseOptions): Promise<void> {
  const out = createOutput(options.json === true);
  const project = projectAt(dir);
  const read = await readProject(project);
  if (read.file === undefined || read.mistakes.length > 0)
    throw new CliError(read.mistakes.map(formatMistake).join("\n"), EXIT.usage);
  const chosen = choose(read, names, options.all === true);
  const results: Result[] = [];
  for (const undoable of chosen) {
    out.note(`rehearsing ${undoable.offer.tool.name}`);
    const tried = await rehearseAndKeep(undoable, { project, catalogue: read.catalogue, live: options.live === true });
    results.push({ tool: undoable.offer.tool.name, undoneBy: undoable.undoing.tool.name, ...tried });
    tell(results.at(-1) as Result, out);
  }
  out.give(results.map((result) => ({ status: statusOf(result), ...result })));
  conclude(results, out, options.all === true && names.length === 0);
}

type Result = Tried & { readonly tool: string; readonly undoneBy: string };
type Status = "passed" | "failed" | "untried";
type Readable = Extract<ReadProject, { readonly catalogue: unknown }>;

function choose({ file, catalogue }: Readable, names: readonly string[], all: boolean): readonly Undoable[] {
  const can = undoables(catalogue);
  if (names.length === 0) return all ? can : proposable(file, catalogue);
  return names.map((name) => {
    const found = can.find(({ offer }) => offer.tool.name === name);
    if (found !== undefined) return found;
    const known = catalogue.offers.has(name);
    const why = known ? `"${name}" does not say which tool undoes it.` : `There is no tool "${name}".`;
    throw new CliError(
      `${why} ${didYouMean(
        known ? "" : name,
        can.map(({ offer }) => offer.tool.name),
      )}`,
      EXIT.usage,
    );
  });
}

function statusOf(result: Tried): Status {
  if ("untried" in result) return "untried";
  return result.problem === undefined ? "passed" : "failed";
}

function tell(result: Result, { say, paint }: Output): void {
  const status = statusOf(result);
  const colour = status === "passed" ? "green" : status === "failed" ? "red" : "yellow";
  say(`${paint[colour](status.padEnd(7))}  ${paint.bold(result.tool)}, undone by ${result.undoneBy}`);
  for (const line of "untried" in result ? [result.untried] : comparedLines(result, paint)) say(`  ${line}`);
}

function comparedLines({ compared, problem }: Rehearsed, paint: Paint): string[] {
  const lines = compared.flatMap(({ args, undo, before, after, undone }) => [
    `with      ${state(args)}`,
    `before    ${state(before)}`,
    `done      ${changes(before, after) ?? "no difference"}`,
    `undone    ${changes(before, undone) ?? "as before"}  ${paint.dim(`by ${state(undo)}`)}`,
  ]);
  return problem === undefined ? lines : [...lines, paint.red(shown(problem, 500))];
}

const WIDTH = 160;

function state(value: JsonValue): string {
  return shown(stateText(value), WIDTH);
}

function changes(before: JsonValue, after: JsonValue): string | undefined {
  const found = stateDifferences(before, after);
  return found.length === 0 ? undefined : shown(found.join("; "), WIDTH);
}

/** Whoever asks for everything is told what could not be tried; whoever needs a tool must have it passed. */
function conclude(results: readonly Result[], { say, paint }: Output, lenient: boolean): void {
  const count = (status: Status): number => results.filter((result) => statusOf(result) === status).length;
  const [passed, failed, untried] = [count("passed"), count("failed"), count("untried")];
  if (results.length === 0) {
    say("No agent is given a tool at PROPOSE that another one undoes. To rehearse all that can be: --all");
    return;
  }
  if (failed > 0 || (untried > 0 && !lenient)) process.exitCode = EXIT.failed;
  const line = `${passed} passed, ${failed} failed, ${untried} not tried`;
  say(process.exitCode === EXIT.failed ? paint.red(line) : paint.green(line));
}
