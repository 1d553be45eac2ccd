#!/usr/bin/env node
// Starts the CLI under Node ≥ 24: the one that runs this file, or the one that npm brought along with the project.
import { spawn } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import module from "node:module";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(realpathSync(fileURLToPath(import.meta.url)));
const source = join(here, "..", "src", "main.ts");
const entry = existsSync(source) ? source : join(here, "..", "dist", "main.mjs");

/** The Node of npm's package, in the nearest node_modules above. */
function broughtAlong() {
  for (let dir = here; ; dir = dirname(dir)) {
    const file = join(dir, "node_modules", ".bin", "node");
    if (existsSync(file)) return file;
    if (dir === dirname(dir)) return undefined;
  }
}

if (Number(process.versions.node.split(".")[0]) >= 24) {
  process.argv[1] = entry;
  module.enableCompileCache?.(join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "bulkhead", "v8"));
  await import(entry);
} else {
  const node = broughtAlong();
  if (node === undefined) {
    process.stderr.write(`Bulkhead runs on Node 24, and this is ${process.version}: install Node ≥ 24.\n`);
    process.exit(1);
  }
  const child = spawn(node, [entry, ...process.argv.slice(2)], { stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => {
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  });
  child.on("exit", (code, signal) => process.exit(code ?? (signal === "SIGINT" ? 130 : 143)));
}
