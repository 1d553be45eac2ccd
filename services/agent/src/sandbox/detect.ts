import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findImage, type Image } from "./image.ts";
import { launch, type SandboxOptions } from "./launch.ts";
import { describeLevel, SANDBOX_LEVELS, type SandboxLevel, type SandboxLevelName } from "./level.ts";

const PROBE = "process.stdout.write('in\\n')";
const PROBE_TIMEOUT_MS = 10_000;

export interface Sandbox {
  readonly level: SandboxLevel;
  readonly options: SandboxOptions;
}

/** Every level that starts a process here, the strongest first. Each is tried, not guessed at. */
export async function availableSandboxes(
  cacheDir: string,
  wanted: readonly SandboxLevelName[] = SANDBOX_LEVELS,
): Promise<Sandbox[]> {
  const image = await findImage();
  const mountPoint = join(cacheDir, "root");
  await mkdir(mountPoint, { recursive: true, mode: 0o755 });
  const found: Sandbox[] = [];
  for (const name of wanted) {
    const options = await firstThatStarts(candidates(name, image, mountPoint));
    if (options !== undefined) found.push({ level: describeLevel(name, options.ownUser), options });
  }
  return found;
}

/** The strongest level here, for a host to use. */
export async function strongestSandbox(cacheDir: string): Promise<Sandbox> {
  for (const name of SANDBOX_LEVELS) {
    const [sandbox] = await availableSandboxes(cacheDir, [name]);
    if (sandbox !== undefined) return sandbox;
  }
  throw new Error("no worker process can be started here");
}

/** The level in force on this machine, with what it stops and what it does not (`status`, `doctor`). */
export async function sandboxLevel(cacheDir: string): Promise<SandboxLevel> {
  return (await strongestSandbox(cacheDir)).level;
}

function candidates(level: SandboxLevelName, image: Image, mountPoint: string): SandboxOptions[] {
  const root = process.getuid?.() === 0 && image.tools.setpriv !== undefined;
  return (root ? [true, false] : [false]).map((ownUser) => ({ image, level, ownUser, mountPoint }));
}

async function firstThatStarts(options: readonly SandboxOptions[]): Promise<SandboxOptions | undefined> {
  for (const option of options) if (await starts(option)) return option;
  return undefined;
}

async function starts(options: SandboxOptions): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), "bulkhead-probe-"));
  try {
    await chmod(folder, 0o755);
    const bundle = join(folder, "probe.cjs");
    await writeFile(bundle, PROBE, { mode: 0o644 });
    return await answers(bundle, options);
  } catch {
    return false;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function answers(bundle: string, options: SandboxOptions): Promise<boolean> {
  await using child = launch(bundle, options);
  const timer = setTimeout(() => {
    child.kill();
  }, PROBE_TIMEOUT_MS);
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  child.stderr.resume();
  await child.exited;
  clearTimeout(timer);
  return Buffer.concat(chunks).toString() === "in\n";
}
