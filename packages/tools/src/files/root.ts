/**
 * Owns: which file a path names, inside one folder and nowhere else.
 * Does not own: what is done with it.
 * Invariants: no absolute, UNC, drive, `~`, `..`, percent-encoded or control-character path; no symbolic link anywhere
 * below the root, checked before and, on the opened file itself, after opening (S8). Everything else is `path.denied`.
 */
import { constants } from "node:fs";
import { type FileHandle, lstat, mkdir, open, realpath } from "node:fs/promises";
import { dirname, join, sep } from "node:path";
import { BulkheadError } from "@bulkhead/core";

/** The folder inside the root in which earlier versions and deleted files lie. No tool lists or names it. */
export const TRASH = ".bulkhead-trash";

const MAX_PATH = 1_000;

/** The parts of a relative path. `""` is the root itself. @throws BulkheadError `path.denied` */
export function partsOf(path: string): string[] {
  if (path === "" || path === ".") return [];
  const parts = path.split("/");
  const bad = (part: string): boolean =>
    part === "" || part === "." || part === ".." || part.toLowerCase() === TRASH || part.length > 255;
  const odd = /[\u0000-\u001f\u007f\\]|%[0-9a-f]{2}|^~|^[a-z]:/i.test(path);
  if (path.length > MAX_PATH || odd || !path.isWellFormed() || parts.some(bad)) throw denied();
  return parts;
}

/** The absolute path of an existing or new file. No part of it that exists is a symbolic link. */
export async function resolveIn(root: string, path: string): Promise<string> {
  let current = await realpath(root).catch((cause: unknown) => {
    throw new BulkheadError("adapter.failed", "(the root folder does not exist)", { cause });
  });
  for (const part of partsOf(path)) {
    current = join(current, part);
    const stat = await lstat(current).catch(missing);
    if (stat?.isSymbolicLink() === true) throw denied();
  }
  return current;
}

/** Opens a regular file for reading. The file that is open is the file that was named, not one behind a link. */
export async function openIn(root: string, path: string): Promise<FileHandle> {
  const file = await resolveIn(root, path);
  const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(failed);
  try {
    const [opened, named, real] = await Promise.all([handle.stat(), lstat(file), realpath(file)]);
    if (real !== file || opened.ino !== named.ino || opened.dev !== named.dev) throw denied();
    if (!opened.isFile()) throw new BulkheadError("adapter.failed", "(not a file)");
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Makes the parents of a file, and checks that they are where they should be. */
export async function parentsOf(file: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  if ((await realpath(dirname(file))) !== dirname(file)) throw denied();
}

/** A path below the root as agents write it. */
export function shownPath(root: string, file: string): string {
  return file.slice(root.length).split(sep).filter(Boolean).join("/");
}

function denied(): BulkheadError {
  return new BulkheadError("path.denied");
}

function missing(error: NodeJS.ErrnoException): undefined {
  if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
  throw new BulkheadError("adapter.failed", `(${error.code ?? "unknown"})`, { cause: error });
}

function failed(error: NodeJS.ErrnoException): never {
  if (error.code === "ELOOP") throw denied();
  throw new BulkheadError("adapter.failed", error.code === "ENOENT" ? "(no such file)" : "(cannot be opened)", {
    cause: error,
  });
}
