import { existsSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { buildOnce } from "../ground/cache.ts";
import { buildCache, moduleOptions, sourceKey } from "../supervise/bundle.ts";

const NAME = "tool-kit.mjs";

/** The file that `@bulkhead/sdk` and `zod` mean in a user's tool: beside a packed CLI, else built from the source, once per state of it. */
export async function findKit(): Promise<string> {
  const packed = join(import.meta.dirname, NAME);
  if (existsSync(packed)) return packed;
  const folder = join(
    buildCache(),
    `kit-${await sourceKey("{schemas,packages/core,packages/content,packages/tools}")}`,
  );
  return join(await buildOnce(folder, buildKit), NAME);
}

/** Builds the kit into a folder: only what a tool can use of it. */
export async function buildKit(folder: string): Promise<void> {
  await build({
    ...moduleOptions,
    entryPoints: { "tool-kit": join(import.meta.dirname, "tool-kit.ts") },
    outdir: folder,
    minifyWhitespace: true,
  });
}
