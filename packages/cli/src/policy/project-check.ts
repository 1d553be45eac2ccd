import { rehearseShipped } from "../rehearse/shipped.ts";
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
import { type Path, type PolicySource, readPolicyFile } from "./source.ts";

/** A project whose file is right, or everything that is wrong with it. */
export type CheckResult =
  | { readonly ok: true; readonly draft: Draft }
  | { readonly ok: false; readonly mistakes: readonly Mistake[] };

/** A project's file and its tools, with what is wrong with their form. */
export type ReadProject =
  | { readonly file: undefined; readonly mistakes: readonly Mistake[] }
  | {
      readonly file: PolicyFile;
      readonly catalogue: Catalogue;
      readonly source: PolicySource;
      readonly mistakes: readonly Mistake[];
    };

/** Reads a project: `bulkhead.yaml` and its tool files, of which bundles are left in `.bulkhead/bundles`. */
export async function readProject(project: Project): Promise<ReadProject> {
  const read = await readPolicyFile(project.policyFile);
  if ("mistakes" in read) return { file: undefined, mistakes: read.mistakes };
  await makeStateFolders(project);
  const custom = await loadCustomTools(project);
  const { file, mistakes } = checkShape(read.source);
  if (file === undefined) return { file, mistakes: sorted([...mistakes, ...custom.mistakes]) };
  const catalogue = catalogueOf(project, file, custom.tools, read.source);
  const all = sorted([...mistakes, ...custom.mistakes, ...catalogue.mistakes]);
  return { file, catalogue, source: read.source, mistakes: all };
}

/**
 * Reads and checks a project, its credential files included. Reports every mistake that can be known at once; rules and limits are looked at
 * when all else is right, since they speak of it. Shipped tools that may be undone
 * are rehearsed on a throw-away copy if they were not yet. A model class without a URL is at the environment's.
 */
export async function checkProject(
  project: Project,
  now: number = Date.now(),
  env: NodeJS.ProcessEnv = process.env,
): Promise<CheckResult> {
  const read = await readProject(project);
  if (read.file === undefined) return { ok: false, mistakes: read.mistakes };
  const { file, catalogue, source } = read;
  const endpoint = endpointOf(env);
  const rehearsals = await rehearseShipped(project, file, catalogue);
  const found = [
    ...read.mistakes,
    ...checkEndpoint(file, source, endpoint),
    ...checkRules({ file, catalogue, source, rehearsals, dir: project.dir, now }),
    ...(await checkCredentials(project, credentialPaths(file, catalogue), source)),
  ];
  if (found.length > 0) return { ok: false, mistakes: sorted(found) };
  const draft = { ...compile(file, catalogue, { rehearsals, endpoint }), ...(await watchOf(project, file)) };
  const mistakes = checkWatch(draft, source);
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
