import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { natsConfig } from "@bulkhead/bus";
import type { Command } from "commander";
import { CliError, EXIT } from "../errors.ts";
import { createOutput, type Output } from "../output/output.ts";
import { type Change, formatChange } from "../policy/diff.ts";
import { keepKey } from "../policy/environment.ts";
import { formatMistake } from "../policy/mistakes.ts";
import { type Project, projectAt } from "../policy/project.ts";
import { checkProject } from "../policy/project-check.ts";
import { changesSinceSigned, readSigned, type SignedPolicy, signDraft } from "../policy/signed.ts";
import { examples, withJson } from "./shared.ts";

/** `sign [dir]`: checks, bundles and hashes tool code, shows what changed, and signs. */
export function addSign(program: Command): void {
  const command = withJson(program.command("sign"))
    .description(
      "check the project, bundle and hash its tool code, show what changed, and sign it with the admin's key",
    )
    .argument("[dir]", "the project folder", ".")
    .action(async (dir: string, options: { json?: boolean }) => {
      const out = createOutput(options.json === true);
      const { signed, changes } = await signChanges(projectAt(dir), out, () => Promise.resolve(true));
      out.give({ epoch: signed.loaded.epoch, changes });
      out.say(changes.length === 0 ? "Nothing changed; the signature covers it." : out.paint.green("Signed."));
      out.say(out.paint.dim(`policy epoch ${signed.loaded.epoch}`));
    });
  examples(command, "sign", "sign ../shop");
}

/** Signs what `agree` agrees to. Without changes the old signature stays. @throws CliError with every mistake, or when it is not agreed to */
export async function signChanges(
  project: Project,
  out: Output,
  agree: (changes: readonly Change[]) => Promise<boolean>,
): Promise<{ signed: SignedPolicy; changes: readonly Change[] }> {
  const checked = await checkProject(project);
  if (!checked.ok) throw new CliError(checked.mistakes.map(formatMistake).join("\n"), EXIT.usage);
  await keepKey(project, checked.draft);
  const changes = await changesSinceSigned(project, checked.draft);
  const before = changes.length === 0 ? await readSigned(project) : undefined;
  if (before !== undefined) return { signed: before, changes };
  for (const change of changes) out.say(coloured(change, out));
  if (!(await agree(changes))) throw new CliError("Not signed, so nothing was started.", EXIT.usage);
  const signed = await signDraft(project, checked.draft);
  await writeNatsConfig(project, signed);
  return { signed, changes };
}

function coloured(change: Change, { paint }: Output): string {
  const line = formatChange(change);
  if (change.before === undefined) return paint.green(line);
  return change.after === undefined ? paint.red(line) : paint.yellow(line);
}

/** For a NATS server of one's own: its users and permissions, to be completed with listen address and TLS. */
async function writeNatsConfig(project: Project, { loaded }: SignedPolicy): Promise<void> {
  const config = natsConfig({
    policy: loaded.policy,
    port: 4222,
    storeDir: join(project.dataDir, "nats", "jetstream"),
  });
  await writeFile(join(project.stateDir, "nats.conf"), config, { mode: 0o600 });
}
