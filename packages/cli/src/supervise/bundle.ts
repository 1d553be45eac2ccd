import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { glob, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type BuildOptions, build } from "esbuild";
import { buildOnce } from "../ground/cache.ts";

/** The services that have a process, by folder name. */
export const SERVICES = [
  "ledger",
  "memory",
  "watchdog",
  "models",
  "executor",
  "proposals",
  "gateway",
  "tasks",
  "agent",
] as const;
/** A service's folder name. */
export type ServiceName = (typeof SERVICES)[number];

/** The programs that a constellation runs, each one file to start. */
export interface Programs {
  readonly folder: string;
  service(name: ServiceName): string;
  /** The worker that agent hosts put into a sandbox: one file without imports. */
  readonly worker: string;
  /** The rehearsal model's server. */
  readonly rehearsal: string;
}

const SOURCE_ROOT = resolve(import.meta.dirname, "..", "..", "..", "..");

/** CommonJS dependencies inside an ES module ask for `require`; what a package would be resolved to lies beside the bundle. */
const banner = {
  js: [
    'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
    'const __bundledWorker = () => new URL("./worker.cjs", import.meta.url).href;',
  ].join("\n"),
};

/** How everything of ours is bundled into ES modules. esbuild itself is a program and stays a package. */
export const moduleOptions: BuildOptions = {
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node24",
  outExtension: { ".js": ".mjs" },
  banner,
  define: { "import.meta.resolve": "__bundledWorker" },
  logLevel: "silent",
  external: ["esbuild"],
  legalComments: "none",
};

/** A worker sees one file and nothing else: no chunks, no packages, nothing to ask `require` for. */
const oneFile: BuildOptions = { format: "cjs", outExtension: {}, banner: {}, define: {}, minify: true };

/** Bundles every service (with shared chunks) and the worker into `folder`. */
export async function bundlePrograms(folder: string, root: string = SOURCE_ROOT): Promise<void> {
  const entries = SERVICES.map((name) => [name, join(root, "services", name, "src", "main.ts")] as const);
  const rehearsal = join(root, "packages", "llm", "src", "rehearsal", "main.ts");
  const entryPoints = { ...Object.fromEntries(entries), rehearsal };
  await Promise.all([
    build({ ...moduleOptions, entryPoints, outdir: folder, splitting: true, chunkNames: "chunk-[hash]" }),
    build({
      ...moduleOptions,
      ...oneFile,
      entryPoints: [join(root, "packages", "sdk", "src", "main.ts")],
      outfile: join(folder, "worker.cjs"),
    }),
  ]);
}

/**
 * The programs to run: those that lie beside a packed CLI, else a bundle of the source, keyed by the content of
 * every file that goes into it, so that it is built once per state of the source. It lies below `node_modules`, where what is not bundled is found.
 */
export async function findPrograms(): Promise<Programs> {
  const packed = join(import.meta.dirname, "programs");
  if (existsSync(packed)) return programs(packed);
  const folder = join(buildCache(), `programs-${await sourceKey("{schemas,packages,services}")}`);
  return programs(await buildOnce(folder, (draft) => bundlePrograms(draft)));
}

/** Where bundles of the source are kept. */
export function buildCache(): string {
  return join(SOURCE_ROOT, "node_modules", ".cache", "bulkhead");
}

function programs(folder: string): Programs {
  return {
    folder,
    service: (name) => join(folder, `${name}.mjs`),
    worker: join(folder, "worker.cjs"),
    rehearsal: join(folder, "rehearsal.mjs"),
  };
}

/** A key over every source file below the folders of this pattern, and over what is installed. */
export async function sourceKey(folders: string): Promise<string> {
  const hash = createHash("sha256");
  const files: string[] = [];
  const exclude = ["**/node_modules", "**/*.test.ts"];
  for await (const file of glob(`${folders}/**/src/**/*.ts`, { cwd: SOURCE_ROOT, exclude })) files.push(file);
  for (const file of ["package-lock.json", ...files.sort()]) {
    hash.update(`${file}\0`).update(await readFile(join(SOURCE_ROOT, file)));
  }
  return hash.digest("hex").slice(0, 16);
}
