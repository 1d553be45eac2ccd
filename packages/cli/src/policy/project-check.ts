import { type Catalogue, catalogueOf } from "./catalogue.ts";
import { compile, type Draft } from "./compile.ts";
import { loadCustomTools } from "./custom-tools.ts";
import { checkEndpoint, endpointOf } from "./environment.ts";
import type { PolicyFile } from "./file.ts";
import type { Mistake } from "./mistakes.ts";
import { makeStateFolders, type Project } from "./project.ts";
import { checkCredentials, checkRules } from "./rules.ts";
import { checkWatch, watchOf } from "./rules-cedar.ts";
import { checkShape } from "./shape.ts";
import { type Path, readPolicyFile } from "./source.ts";

/** A project whose file is right, or everything that is wrong with it. */
export type CheckResult =
  | { readonly ok: true; readonly draft: Draft }
  | { readonly ok: false; readonly mistakes: readonly Mistake[] };

/**
 * Reads and checks a project: `bulkhead.yaml`, its tool files and its credential files. Reports every mistake that can be
 * known at once. Bundles of the tool files are left in `.bulkhead/bundles`. A model class without a URL is at the environment's.
 */
export async function checkProject(
  project: Project,
  now: number = Date.now(),
  env: NodeJS.ProcessEnv = process.env,
): Promise<CheckResult> {
  const read = await readPolicyFile(project.policyFile);
  if ("mistakes" in read) return { ok: false, mistakes: read.mistakes };
  await makeStateFolders(project);
  const custom = await loadCustomTools(project);
  const shape = checkShape(read.source);
  const { file } = shape;
  if (file === undefined) return { ok: false, mistakes: sorted([...shape.mistakes, ...custom.mistakes]) };
  const endpoint = endpointOf(env);
  const catalogue = catalogueOf(project, file, custom.tools, read.source);
  const watch = await watchOf(project, file);
  const draft = { ...compile(file, catalogue, endpoint), ...watch };
  const mistakes = [
    ...shape.mistakes,
    ...custom.mistakes,
    ...catalogue.mistakes,
    ...checkEndpoint(file, read.source, endpoint),
    ...checkRules({ file, catalogue, source: read.source, now }),
    ...checkWatch(draft, read.source),
    ...(await checkCredentials(project, credentialPaths(file, catalogue), read.source)),
  ];
  return mistakes.length > 0 ? { ok: false, mistakes: sorted(mistakes) } : { ok: true, draft };
}

/** Each credential that a granted tool or a model needs, with the place that asks for it. */
function credentialPaths(file: PolicyFile, { offers }: Catalogue): Map<string, Path> {
  const paths = new Map<string, Path>();
  for (const [agent, { tools }] of Object.entries(file.agents)) {
    for (const tool of Object.keys(tools)) {
      for (const name of offers.get(tool)?.tool.credentials ?? []) paths.set(name, ["agents", agent, "tools", tool]);
    }
  }
  for (const [name, { credential }] of Object.entries(file.models ?? {})) {
    if (credential !== undefined) paths.set(credential, ["models", name, "credential"]);
  }
  return paths;
}

function sorted(mistakes: readonly Mistake[]): Mistake[] {
  return [...mistakes].sort((a, b) => a.file.localeCompare(b.file) || a.line - b.line || a.col - b.col);
}
