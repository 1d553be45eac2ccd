import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import type { Command } from "commander";
import { CliError, EXIT } from "../errors.ts";
import { createOutput, type Output } from "../output/output.ts";
import { endpointOf } from "../policy/environment.ts";
import { formatMistake, type Mistake } from "../policy/mistakes.ts";
import { type Project, projectAt } from "../policy/project.ts";
import { checkProject } from "../policy/project-check.ts";
import { GITIGNORE, policyTemplate, WELCOME } from "./init-template.ts";
import { examples, withJson } from "./shared.ts";
import { signChanges } from "./sign.ts";

/** `init <dir>`: a commented, signed project that runs as it is. */
export function addInit(program: Command): void {
  const command = withJson(program.command("init"))
    .description("make a project: a commented bulkhead.yaml that runs as it is, signed with a new admin key")
    .argument("<dir>", "the folder to make it in")
    .action(init);
  examples(command, "init ../shop", "up ../shop");
}

async function init(dir: string, options: { json?: boolean }): Promise<void> {
  const out = createOutput(options.json === true);
  const project = projectAt(dir);
  if (existsSync(project.policyFile))
    throw new CliError(`${project.policyFile} is there already: nothing was changed.`, EXIT.usage);
  await mkdir(join(project.dir, "files"), { recursive: true });
  await mkdir(project.toolsDir, { recursive: true });
  await mkdir(project.credentialsDir, { recursive: true, mode: 0o700 });
  await writeFile(project.policyFile, policyTemplate(nameOf(dir)));
  await writeNew(join(project.dir, ".gitignore"), GITIGNORE);
  await writeNew(join(project.dir, "files", "welcome.txt"), WELCOME);
  const checked = endpointOf() === undefined ? undefined : await checkProject(project);
  if (checked?.ok === false) {
    sayUnsigned(project, checked.mistakes, out);
    return;
  }
  const quiet = { ...out, say: () => undefined };
  const { signed } = await signChanges(project, quiet, () => Promise.resolve(true));
  out.give({ dir: project.dir, epoch: signed.loaded.epoch });
  out.say(out.paint.green(`Made and signed ${project.policyFile}.`));
  out.say(
    `The keys are in ${project.keysDir}: whoever holds admin.json decides what agents may do, so keep a copy safe.`,
  );
  out.say(`\nNext: npx bulkhead up ${dir}`);
}

/** The environment names a model's endpoint, and only the user knows what it costs. */
function sayUnsigned(project: Project, mistakes: readonly Mistake[], out: Output): void {
  out.give({ dir: project.dir, mistakes });
  out.say(`Made ${project.policyFile}. Before it can be signed:\n${mistakes.map(formatMistake).join("\n")}`);
  out.say(`\nThen: npx bulkhead up ${project.dir}`);
}

function nameOf(dir: string): string {
  const token = basename(resolve(dir))
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "");
  return token.slice(0, 63) || "project";
}

async function writeNew(file: string, text: string): Promise<void> {
  if (!existsSync(file)) await writeFile(file, text);
}
