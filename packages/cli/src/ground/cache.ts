import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, dirname, join } from "node:path";

/** The project's cache folder: `$XDG_CACHE_HOME/bulkhead`, else `~/.cache/bulkhead`. */
export function cacheRoot(env: NodeJS.ProcessEnv = process.env): string {
  const home = env["XDG_CACHE_HOME"];
  return join(home !== undefined && home !== "" ? home : join(homedir(), ".cache"), "bulkhead");
}

/**
 * The folder `path`, built if it is not there. `build` fills a folder beside it, which is then renamed: the folder is there
 * whole or not at all, and of two runs at once the second keeps what the first made.
 */
export async function buildOnce(path: string, build: (draft: string) => Promise<void>): Promise<string> {
  if (existsSync(path)) return path;
  await mkdir(dirname(path), { recursive: true });
  const draft = await mkdtemp(join(dirname(path), `.${basename(path)}-`));
  try {
    await build(draft);
    await rename(draft, path);
  } catch (error) {
    if (!existsSync(path)) throw error;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return path;
}
