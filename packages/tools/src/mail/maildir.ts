/**
 * Owns: a maildir (Maildir++ folders, `dovecot-keywords` labels), changed by atomic renames only.
 * Does not own: what the messages say.
 * Invariants: an id is a digest of the unique file name, which a sender cannot choose and which survives moves and labels;
 * changes of one maildir happen one after the other, so that a label and a move of one mail both count;
 * a folder name is checked by the caller against the closed list; a message file that is a symbolic link is not read.
 */
import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { mkdir, open, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { BulkheadError } from "@bulkhead/core";
import { type BoxMessage, HEAD_BYTES, type Mailbox } from "./box.ts";
import { inTurn } from "./turns.ts";

interface Entry {
  readonly folder: string;
  readonly place: "cur" | "new";
  readonly file: string;
  readonly unique: string;
  readonly flags: string;
}

/** A maildir at `root`. `folders` are all that it may touch, without `INBOX`; missing ones are created. */
export function maildir(root: string, folders: readonly string[]): Mailbox {
  const all = ["INBOX", ...folders];
  return {
    list: (folder, limit) => inTurn(root, () => list(root, folder, limit)),
    read: (id, maxBytes) =>
      inTurn(root, async () => {
        const found = await message(root, await find(root, all, id), maxBytes);
        return { ...found, raw: found.head };
      }),
    label: (id, add, remove) => inTurn(root, () => relabel(root, all, id, { add, remove })),
    move: (id, folder) => inTurn(root, () => move(root, all, id, folder)),
    append: async (folder, effectId, raw) => {
      await ensure(root, folder);
      const name = `${Math.floor(Date.now() / 1_000)}.${effectId}.bulkhead`;
      const draft = join(folderPath(root, folder), "tmp", name);
      await writeFile(draft, raw, { mode: 0o600, flush: true });
      await rename(draft, join(folderPath(root, folder), "cur", `${name}:2,${folder === "Drafts" ? "D" : ""}S`));
    },
    find: async (folder, effectId) => {
      const entry = (await entries(root, folder)).find(({ unique }) => unique.includes(`.${effectId}.`));
      return entry && { id: idOf(entry) };
    },
    remove: async (folder, effectId) => {
      const mine = (await entries(root, folder)).filter(({ unique }) => unique.includes(`.${effectId}.`));
      await Promise.all(mine.map((entry) => rm(pathOf(root, entry), { force: true })));
    },
  };
}

async function list(root: string, folder: string, limit: number): Promise<BoxMessage[]> {
  const newest = (await entries(root, folder)).sort((a, b) => compareNames(b.unique, a.unique)).slice(0, limit);
  return await Promise.all(newest.map((entry) => message(root, entry, HEAD_BYTES)));
}

async function move(root: string, folders: readonly string[], id: string, folder: string) {
  const entry = await find(root, folders, id);
  await ensure(root, folder);
  const target = join(folderPath(root, folder), "cur", `${entry.unique}:2,${entry.flags.replace(/[a-z]/g, "")}`);
  const labels = await labelsOf(root, entry);
  await rename(pathOf(root, entry), target);
  if (labels.length > 0) await relabel(root, [folder], id, { add: labels, remove: [] });
  return { from: entry.folder, id };
}

function folderPath(root: string, folder: string): string {
  return folder === "INBOX" ? root : join(root, `.${folder}`);
}

async function ensure(root: string, folder: string): Promise<void> {
  for (const part of ["tmp", "new", "cur"])
    await mkdir(join(folderPath(root, folder), part), { recursive: true, mode: 0o700 });
}

async function entries(root: string, folder: string): Promise<Entry[]> {
  const places = await Promise.all((["cur", "new"] as const).map((place) => entriesOf(root, folder, place)));
  return places.flat();
}

async function entriesOf(root: string, folder: string, place: "cur" | "new"): Promise<Entry[]> {
  const files = await readdir(join(folderPath(root, folder), place)).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw new BulkheadError("adapter.unreachable", "(the maildir cannot be read)", { cause: error });
  });
  return files
    .filter((file) => !file.startsWith("."))
    .map((file) => {
      const [unique = "", flags = ""] = file.split(":2,");
      return { folder, place, file, unique, flags };
    });
}

function compareNames(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true });
}

function idOf({ unique }: Entry): string {
  return `m-${createHash("sha256").update(unique).digest("hex").slice(0, 20)}`;
}

function pathOf(root: string, { folder, place, file }: Entry): string {
  return join(folderPath(root, folder), place, file);
}

async function find(root: string, folders: readonly string[], id: string): Promise<Entry> {
  for (const folder of folders) {
    const entry = (await entries(root, folder)).find((candidate) => idOf(candidate) === id);
    if (entry !== undefined) return entry;
  }
  throw new BulkheadError("adapter.failed", "(no such message)");
}

async function message(root: string, entry: Entry, maxBytes: number): Promise<BoxMessage> {
  await using handle = await open(pathOf(root, entry), constants.O_RDONLY | constants.O_NOFOLLOW);
  const { size } = await handle.stat();
  const head = Buffer.alloc(Math.min(size, maxBytes));
  const { bytesRead } = await handle.read(head, 0, head.length, 0);
  const labels = await labelsOf(root, entry);
  return { id: idOf(entry), folder: entry.folder, labels, bytes: size, head: head.subarray(0, bytesRead) };
}

async function keywords(root: string, folder: string): Promise<string[]> {
  const text = await readFile(join(folderPath(root, folder), "dovecot-keywords"), "utf8").catch(() => "");
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.slice(line.indexOf(" ") + 1));
}

async function labelsOf(root: string, { folder, flags }: Entry): Promise<string[]> {
  const letters = Array.from(flags).filter((flag) => flag >= "a" && flag <= "z");
  if (letters.length === 0) return [];
  const names = await keywords(root, folder);
  return letters.map((letter) => names[letter.charCodeAt(0) - 97]).filter((name) => name !== undefined);
}

async function relabel(
  root: string,
  folders: readonly string[],
  id: string,
  { add, remove }: { readonly add: readonly string[]; readonly remove: readonly string[] },
): Promise<readonly string[]> {
  const entry = await find(root, folders, id);
  const before = await labelsOf(root, entry);
  const after = [...new Set([...before, ...add])].filter((label) => !remove.includes(label));
  const letters = (await indexes(root, entry.folder, after)).map((index) => String.fromCharCode(97 + index));
  const flags = [...new Set([...Array.from(entry.flags.replace(/[a-z]/g, "")), ...letters])].sort().join("");
  await ensure(root, entry.folder);
  await rename(pathOf(root, entry), join(folderPath(root, entry.folder), "cur", `${entry.unique}:2,${flags}`));
  return before;
}

async function indexes(root: string, folder: string, labels: readonly string[]): Promise<number[]> {
  const names = await keywords(root, folder);
  const missing = labels.filter((label) => !names.includes(label));
  names.push(...missing);
  if (names.length > 26) throw new BulkheadError("adapter.failed", "(a maildir folder holds at most 26 labels)");
  if (missing.length > 0) await writeKeywords(join(folderPath(root, folder), "dovecot-keywords"), names);
  return labels.map((label) => names.indexOf(label));
}

async function writeKeywords(file: string, names: readonly string[]): Promise<void> {
  await writeFile(`${file}.new`, names.map((name, index) => `${index} ${name}\n`).join(""), { mode: 0o600 });
  await rename(`${file}.new`, file);
}
