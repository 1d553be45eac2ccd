// Builds `dist`: the CLI, the services and the worker as bundles, so that a packed CLI needs no other package of this workspace.
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";
import { buildKit } from "../policy/kit.ts";
import { bundlePrograms, moduleOptions } from "../supervise/bundle.ts";

const source = join(import.meta.dirname, "..");
const dist = join(source, "..", "dist");

await rm(dist, { recursive: true, force: true });
await Promise.all([
  build({
    ...moduleOptions,
    entryPoints: [join(source, "main.ts")],
    outdir: dist,
    splitting: true,
    chunkNames: "chunk-[hash]",
  }),
  buildKit(dist),
  bundlePrograms(join(dist, "programs")),
]);
