import { createHash } from "node:crypto";
import { access, mkdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** One file that holds a worker's whole code. Built once; built again when one of its sources has changed. */
export async function workerBundle(cacheDir: string, worker: string = builtIn()): Promise<string> {
  if (worker.endsWith(".cjs")) return resolve(worker);
  const name = createHash("sha256").update(worker).digest("hex").slice(0, 16);
  const file = join(cacheDir, `worker-${name}.cjs`);
  return (await isFresh(file)) ? file : await bundle(worker, file, cacheDir);
}

function builtIn(): string {
  return fileURLToPath(import.meta.resolve("@bulkhead/sdk/worker"));
}

async function bundle(worker: string, file: string, cacheDir: string): Promise<string> {
  const { build } = await import("esbuild");
  await mkdir(cacheDir, { recursive: true, mode: 0o755 });
  const built = await build({
    entryPoints: [worker],
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "node24",
    minify: true,
    legalComments: "none",
    write: false,
    metafile: true,
    absWorkingDir: "/",
    logLevel: "silent",
  });
  const inputs = Object.keys(built.metafile.inputs).map((path) => resolve("/", path));
  await replace(`${file}.json`, JSON.stringify(await stamps(inputs)));
  await replace(file, built.outputFiles[0]?.contents ?? "");
  return file;
}

async function replace(file: string, content: string | Uint8Array): Promise<void> {
  const fresh = `${file}.${process.pid}`;
  await writeFile(fresh, content, { mode: 0o644 });
  await rename(fresh, file);
}

async function isFresh(file: string): Promise<boolean> {
  try {
    await access(file);
    const known = JSON.parse(await readFile(`${file}.json`, "utf8")) as Record<string, string>;
    const now = await stamps(Object.keys(known));
    return Object.entries(known).every(([path, stamp]) => now[path] === stamp);
  } catch {
    return false;
  }
}

async function stamps(paths: readonly string[]): Promise<Record<string, string>> {
  return Object.fromEntries(await Promise.all(paths.map(async (path) => [path, await stampOf(path)] as const)));
}

async function stampOf(path: string): Promise<string> {
  const { size, mtimeMs } = await stat(path);
  return `${size}-${mtimeMs}`;
}
