import type { Command } from "commander";
import { EXIT } from "../errors.ts";
import { createOutput } from "../output/output.ts";
import { formatMistake } from "../policy/mistakes.ts";
import { projectAt } from "../policy/project.ts";
import { checkProject } from "../policy/project-check.ts";
import { changesSinceSigned } from "../policy/signed.ts";
import { examples, withJson } from "./shared.ts";

/** `check [dir]`: every mistake with its place and a suggestion. */
export function addCheck(program: Command): void {
  const command = withJson(program.command("check"))
    .description("explain every mistake in bulkhead.yaml, the tool files and the credential files")
    .argument("[dir]", "the project folder", ".")
    .action(check);
  examples(command, "check", "check ../shop --json");
}

async function check(dir: string, options: { json?: boolean }): Promise<void> {
  const out = createOutput(options.json === true);
  const project = projectAt(dir);
  const checked = await checkProject(project);
  if (!checked.ok) {
    out.give({ ok: false, mistakes: checked.mistakes });
    for (const mistake of checked.mistakes) out.say(formatMistake(mistake));
    out.say(out.paint.red(`${checked.mistakes.length} ${checked.mistakes.length === 1 ? "mistake" : "mistakes"}`));
    process.exitCode = EXIT.usage;
    return;
  }
  const changes = await changesSinceSigned(project, checked.draft);
  const { agents, tools } = checked.draft;
  const counts = { agents: Object.keys(agents).length, tools: Object.keys(tools).length };
  out.give({ ok: true, ...counts, signed: changes.length === 0, changes });
  out.say(out.paint.green(`bulkhead.yaml is right: ${counts.agents} agents, ${counts.tools} tools in use.`));
  out.say(
    changes.length === 0
      ? "The signature covers it."
      : `Not signed: ${changes.length} changes. Sign with: npx bulkhead sign ${dir}`,
  );
}
