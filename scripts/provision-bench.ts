// Builds the Rust twin of the embedded database (design §8) into the cache folder, once: the database of the benchmarks.
import { spawn } from "node:child_process";
import { dirname } from "node:path";
import { buildOnce, isExecutable, onPath, rustTwin, VERSIONS } from "bulkhead";

const program = rustTwin();

async function build(folder: string): Promise<void> {
  const cargo = onPath("cargo");
  if (!cargo)
    throw new Error(
      "Building the benchmark database needs a Rust toolchain (cargo ≥ 1.95): install it from rustup.rs.",
    );
  process.stderr.write("[setup] building secantus-mdb: about 5 minutes on 2 cores, once\n");
  const options = ["--version", VERSIONS.secantusMdb, "--ignore-rust-version", "--root", folder];
  const child = spawn(cargo, ["install", "secantus-mdb", ...options], { stdio: ["ignore", 2, 2] });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
  const code = await new Promise((resolve) => {
    child.on("error", resolve);
    child.on("exit", resolve);
  });
  if (code !== 0) throw new Error("cargo could not build secantus-mdb: see its message above.");
}

try {
  await buildOnce(dirname(dirname(program)), build);
  if (!isExecutable(program)) throw new Error(`${program} is not there: remove its folder and run this again.`);
  process.stdout.write(`${program}\n`);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
