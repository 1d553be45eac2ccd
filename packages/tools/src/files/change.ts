import { link, lstat, mkdir, open, readFile, rename, rm, unlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { BulkheadError } from "@bulkhead/core";
import { ABSENT, digestIn, digestOf } from "./look.ts";
import { parentsOf, resolveIn, TRASH } from "./root.ts";

/** One change of a file, as it is remembered in the trash: what `restore` needs, and what `readBack` asks. */
export interface Change {
  readonly root: string;
  readonly path: string;
  readonly effectId: string;
}

/** Writes a whole file atomically. What was there before is kept under the effect id. */
export async function writeFileIn({ root, path, effectId }: Change, text: string) {
  const file = await resolveIn(root, path);
  await parentsOf(file);
  const replaced = await keep({ root, path, effectId }, file, digestOf(text));
  const draft = join(dirname(file), `.${effectId}.tmp`);
  await using handle = await open(draft, "wx", 0o600);
  await handle.writeFile(text);
  await handle.sync();
  await rename(draft, file);
  return { written: path, bytes: Buffer.byteLength(text), replaced, effect: effectId };
}

/** Moves a file. An existing target is never overwritten: the link fails if there is one. */
export async function moveFileIn({ root, path, effectId }: Change, to: string) {
  const [from, target] = [await resolveIn(root, path), await resolveIn(root, to)];
  await parentsOf(target);
  await assertFile(from);
  await link(from, target).catch((error: unknown) => {
    throw new BulkheadError(
      "adapter.failed",
      codeOf(error) === "EEXIST" ? "(the target exists)" : "(cannot be moved)",
      {
        cause: error,
      },
    );
  });
  await unlink(from);
  return { moved: path, to, effect: effectId };
}

/** Moves a file into the trash. */
export async function trashFileIn(change: Change) {
  const file = await resolveIn(change.root, change.path);
  await assertFile(file);
  await keep(change, file, ABSENT);
  await unlink(file);
  return { deleted: change.path, effect: change.effectId };
}

/**
 * Undoes a write or a deletion by its effect id: the file is again as it was before. Only while it is as that change left it, for what
 * somebody did since must not be lost.
 */
export async function restoreIn(root: string, effectId: string) {
  const place = join(await resolveIn(root, ""), TRASH, effectId);
  const path = await changedPath(root, effectId);
  const file = await resolveIn(root, path);
  if ((await digestIn(root, path)) !== (await readFile(join(place, "after"), "utf8")))
    throw new BulkheadError("adapter.failed", "(the file was changed since)");
  const existed = (await lstat(join(place, "before")).catch(() => undefined)) !== undefined;
  await parentsOf(file);
  if (existed) await rename(join(place, "before"), file);
  else await rm(file, { force: true });
  await rm(place, { recursive: true });
  return { restored: path, removed: !existed };
}

/** The file that a change was made to. @throws BulkheadError `adapter.failed` when there is no such change, or it was undone */
export async function changedPath(root: string, effectId: string): Promise<string> {
  const place = join(await resolveIn(root, ""), TRASH, effectId);
  return await readFile(join(place, "path"), "utf8").catch((cause: unknown) => {
    throw new BulkheadError("adapter.failed", "(no such change)", { cause });
  });
}

/** Remembers the change and what it will leave, with a second name for what is there now. Says whether there was anything. */
async function keep({ root, path, effectId }: Change, file: string, after: string): Promise<boolean> {
  const place = join(await resolveIn(root, ""), TRASH, effectId);
  await mkdir(place, { recursive: true, mode: 0o700 });
  await writeFile(join(place, "after"), after, { mode: 0o600 });
  await writeFile(join(place, "path"), path, { mode: 0o600 });
  const stat = await lstat(file).catch(() => undefined);
  if (stat === undefined) return false;
  if (!stat.isFile()) throw new BulkheadError("adapter.failed", "(not a file)");
  await link(file, join(place, "before")).catch((error: unknown) => {
    if (codeOf(error) !== "EEXIST") throw error;
  });
  return true;
}

async function assertFile(file: string): Promise<void> {
  const stat = await lstat(file).catch(() => undefined);
  if (stat?.isFile() !== true) throw new BulkheadError("adapter.failed", "(no such file)");
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
