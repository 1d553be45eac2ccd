import { CliError, EXIT } from "../errors.ts";
import { keepKey } from "../policy/environment.ts";
import { formatMistake } from "../policy/mistakes.ts";
import { projectAt } from "../policy/project.ts";
import { checkProject } from "../policy/project-check.ts";
import { type SignedPolicy, signDraft } from "../policy/signed.ts";

/** Checks a project and signs it with the admin's key in its folder. @throws CliError with every mistake, one a line */
export async function signProject(dir: string, env: NodeJS.ProcessEnv = process.env): Promise<SignedPolicy> {
  const project = projectAt(dir);
  const checked = await checkProject(project, Date.now(), env);
  if (!checked.ok) throw new CliError(checked.mistakes.map(formatMistake).join("\n"), EXIT.usage);
  await keepKey(project, checked.draft, env);
  return await signDraft(project, checked.draft);
}
