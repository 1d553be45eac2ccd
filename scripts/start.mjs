// Gets from a bare machine (Node ≥ 20, npm) to a target that runs under Node 24. Plain JavaScript with nothing to install:
// it is what installs. `node scripts/start.mjs demo|test|bench:call|provision:bench [ARGS...]`
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const targets = {
  demo: "examples/office/demo.ts",
  test: "scripts/test.ts",
  "bench:approve": "bench/approve.ts",
  "bench:call": "bench/call.ts",
  "provision:bench": "scripts/provision-bench.ts",
};
const forwarded = ["SIGINT", "SIGTERM", "SIGHUP"];
const major = (version) => Number(/^v?(\d+)/.exec(version)?.[1] ?? 0);

function fail(sentence, code = 1) {
  process.stderr.write(`${sentence}\n`);
  process.exit(code);
}

/** Runs a program, passes signals on, and resolves to its exit code (128 + n for a signal). */
function run(command, args, options) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: "inherit", ...options });
    const pass = (signal) => child.kill(signal);
    for (const signal of forwarded) process.on(signal, pass);
    const settle = (code) => {
      for (const signal of forwarded) process.off(signal, pass);
      resolve(code);
    };
    child.on("error", () => settle(127));
    child.on("exit", (code, signal) => settle(code ?? (signal === "SIGINT" ? 130 : 143)));
  });
}

/** The packages that package-lock.json wants and node_modules does not hold, by npm's own record of what it put there. */
function missingPackages() {
  const wanted = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages;
  const record = join(root, "node_modules", ".package-lock.json");
  const have = existsSync(record) ? JSON.parse(readFileSync(record, "utf8")).packages : {};
  const absent = ([path, { version, link }]) => (link ? !have[path]?.link : have[path]?.version !== version);
  return Object.entries(wanted).filter(
    (entry) => entry[0].includes("node_modules/") && !entry[1].optional && absent(entry),
  );
}

/** PATH without this project's own .bin: npm must not run on the Node that it is about to replace. */
function outerPath() {
  const parts = (process.env.PATH ?? "").split(delimiter);
  return parts.filter((part) => !part.startsWith(join(root, "node_modules"))).join(delimiter);
}

async function install() {
  const missing = missingPackages().length;
  if (missing === 0) return;
  const started = Date.now();
  const seconds = () => Math.round((Date.now() - started) / 1000);
  process.stderr.write(`[setup] installing ${missing} npm packages into node_modules\n`);
  const progress = setInterval(() => process.stderr.write(`[setup] npm is still at work (${seconds()} s)\n`), 10_000);
  // --loglevel=error: on Node 20 npm would warn (EBADENGINE) about every package that runs later, under Node 24.
  // install, not ci: ci refuses the lock file where a registry mirror lacks other platforms' optional builds. --no-save: the lock file decides.
  const args = ["install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  const env = { ...process.env, PATH: outerPath() };
  const code = await run("npm", args, { env, stdio: ["ignore", 2, 2], shell: process.platform === "win32" });
  clearInterval(progress);
  if (code >= 128) process.exit(code);
  if (code === 127) fail("Bulkhead needs npm: it comes with Node.js from nodejs.org.");
  if (code !== 0)
    fail(
      "npm could not install the packages: see its message above, check the network, then run the same command again.",
    );
  process.stderr.write(`[setup] npm packages are in place (${seconds()} s)\n`);
}

/** A Node of at least 24: the one that npm brought along, else the one that runs this file. */
function node24() {
  const own = join(root, "node_modules", ".bin", "node");
  const probe = existsSync(own) ? spawnSync(own, ["--version"], { encoding: "utf8" }) : undefined;
  if (probe?.status === 0 && major(probe.stdout) >= 24) return own;
  if (major(process.version) >= 24) return process.execPath;
  return fail(
    `Bulkhead runs on Node 24, which npm brings along on Linux x64 and arm64 only: install Node ≥ 24 here (this is ${process.version}).`,
  );
}

const [name, ...args] = process.argv.slice(2);
const target = targets[name];
if (target === undefined) fail(`Usage: node scripts/start.mjs ${Object.keys(targets).join("|")} [ARGS...]`, 2);
if (major(process.version) < 20)
  fail(`Bulkhead needs Node ≥ 20, and this is ${process.version}: install it from nodejs.org.`);
await install();
const node = node24();
const env = { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH ?? ""}` };
process.exit(await run(node, [join(root, target), ...args], { env }));
