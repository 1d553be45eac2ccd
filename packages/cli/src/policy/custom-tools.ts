/**
 * Owns: a user's tool files as single, hashed bundles, and the tools in them.
 * Does not own: loading them to run (the executor, which takes only what hashes to the signed policy's digest).
 * Invariants: a bundle is named after its bytes; imports come from the CLI's own copy of the kit or from the project's own
 * files and packages, so that bundling asks no registry.
 */
import { existsSync } from "node:fs";
import { readdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { bundleDigest, type Tool } from "@bulkhead/tools";
import { type BuildFailure, build, type Plugin } from "esbuild";
import { findKit } from "./kit.ts";
import type { Mistake } from "./mistakes.ts";
import type { Project } from "./project.ts";

/** A tool of the user's own. `file` is the bundle's name in `.bulkhead/bundles`. */
export interface CustomTool {
  readonly tool: Tool;
  readonly source: string;
  readonly bundle: { readonly file: string; readonly sha256: string };
}

/** All tools of `tools/*.ts`, and what is wrong with the files that hold none. */
export async function loadCustomTools(project: Project): Promise<{ tools: CustomTool[]; mistakes: Mistake[] }> {
  const names = await readdir(project.toolsDir).catch(() => []);
  const files = names.filter((name) => /\.(ts|mts|js|mjs)$/.test(name) && !/\.(d|test)\.m?ts$/.test(name)).sort();
  const loaded = await Promise.all(files.map((name) => loadCustomTool(project, join(project.toolsDir, name))));
  return {
    tools: loaded.flatMap((result) => ("tool" in result ? [result] : [])),
    mistakes: loaded.flatMap((result) => ("tool" in result ? [] : [result])),
  };
}

async function loadCustomTool(project: Project, source: string): Promise<CustomTool | Mistake> {
  const file = `tools/${basename(source)}`;
  try {
    const bytes = await bundleTool(source, project.dir);
    const sha256 = bundleDigest(bytes);
    const bundle = await keep(project, bytes, sha256);
    const module = (await import(pathToFileURL(join(project.bundlesDir, bundle)).href)) as { default?: unknown };
    if (isTool(module.default)) return { tool: module.default, source: file, bundle: { file: bundle, sha256 } };
    const suggestion = "Write: export default defineTool({ name: …, effects: …, input: …, run: … })";
    return broken(file, 1, 1, "The file has no tool as its default export.", suggestion);
  } catch (error) {
    const first = (error as Partial<BuildFailure>).errors?.[0];
    const text = first?.text ?? (error instanceof Error ? error.message : String(error));
    return broken(file, first?.location?.line ?? 1, (first?.location?.column ?? 0) + 1, `${text.replace(/\.?$/, "")}.`);
  }
}

function broken(file: string, line: number, col: number, message: string, suggestion?: string): Mistake {
  return { file, line, col, code: "tool.broken", message, ...(suggestion !== undefined && { suggestion }) };
}

function isTool(value: unknown): value is Tool {
  return (
    typeof value === "object" && value !== null && "name" in value && "inputSchema" in value && Object.isFrozen(value)
  );
}

async function bundleTool(source: string, userDir: string): Promise<Uint8Array> {
  const { outputFiles } = await build({
    entryPoints: [source],
    bundle: true,
    write: false,
    platform: "node",
    format: "esm",
    target: "node24",
    minifyWhitespace: true,
    legalComments: "none",
    logLevel: "silent",
    plugins: [ownKit(userDir, await findKit())],
  });
  return outputFiles[0]?.contents ?? new Uint8Array();
}

const KIT_NAMES = /^(@bulkhead\/sdk|@bulkhead\/tools|zod)$/;

/** In the user's own files `@bulkhead/sdk` and `zod` mean the CLI's own copy. */
function ownKit(userDir: string, kit: string): Plugin {
  return {
    name: "bulkhead-kit",
    setup: (bundling) => {
      bundling.onResolve({ filter: KIT_NAMES }, ({ importer }) => {
        const own = importer.startsWith(`${userDir}/`) && !importer.includes("/node_modules/");
        return own ? { path: kit, sideEffects: false } : undefined;
      });
    },
  };
}

async function keep(project: Project, bytes: Uint8Array, sha256: string): Promise<string> {
  const name = `${sha256.slice("sha256:".length)}.mjs`;
  const path = join(project.bundlesDir, name);
  if (existsSync(path)) return name;
  const draft = `${path}.${process.pid}.tmp`;
  try {
    await writeFile(draft, bytes, { mode: 0o600 });
    await rename(draft, path);
  } finally {
    await rm(draft, { force: true });
  }
  return name;
}
