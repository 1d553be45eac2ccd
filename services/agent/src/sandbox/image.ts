import { execFile } from "node:child_process";
import { realpathSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const FOLDERS = ["/usr/bin", "/bin", "/usr/sbin", "/sbin", "/usr/local/bin", "/run/current-system/sw/bin"];
const LIBRARY = /(?:^|\s)(\/[^\s:()]+\.so[^\s:()]*)/gm;

/** A file of the machine and where the worker sees it. */
type Bind = readonly [from: string, to: string];

/** Tools that a level needs; which folder holds them is looked up, never the environment. */
interface Tools {
  readonly bwrap?: string | undefined;
  readonly unshare?: string | undefined;
  readonly setpriv?: string | undefined;
  readonly prlimit?: string | undefined;
}

/** The few files that a worker's process needs, found once and shared by all workers of a host. */
export interface Image {
  readonly node: string;
  readonly tools: Tools;
  readonly binds: readonly Bind[];
  readonly folders: readonly string[];
}

export const NODE_INSIDE = "/node";
export const BUNDLE_INSIDE = "/worker.cjs";

export async function findImage(node: string = process.execPath): Promise<Image> {
  const tools = findTools();
  const binds: Bind[] = [[realpathSync(node), NODE_INSIDE]];
  if (tools.setpriv !== undefined) binds.push([tools.setpriv, "/setpriv"]);
  if (tools.prlimit !== undefined) binds.push([tools.prlimit, "/prlimit"]);
  const libraries = await librariesOf(binds.map(([from]) => from));
  const all: Bind[] = [...binds, ...libraries.map((path): Bind => [path, path])];
  return { node, tools, binds: all, folders: foldersOf(all) };
}

function findTools(): Tools {
  return { bwrap: find("bwrap"), unshare: find("unshare"), setpriv: find("setpriv"), prlimit: find("prlimit") };
}

function find(name: string): string | undefined {
  return FOLDERS.map((folder) => join(folder, name)).find(isFile);
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

async function librariesOf(programs: readonly string[]): Promise<string[]> {
  const ldd = find("ldd");
  if (ldd === undefined) return [];
  const { stdout } = await run(ldd, programs, { env: {} }).catch(() => ({ stdout: "" }));
  return [...new Set([...stdout.matchAll(LIBRARY)].map((match) => match[1] ?? ""))].sort();
}

function foldersOf(binds: readonly Bind[]): string[] {
  const folders = new Set<string>();
  for (const [, to] of binds) for (let at = dirname(to); at !== "/"; at = dirname(at)) folders.add(at);
  return [...folders].sort();
}
