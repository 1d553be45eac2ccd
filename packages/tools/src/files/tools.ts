import { lstat, mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { normaliseText } from "@bulkhead/content";
import { BulkheadError } from "@bulkhead/core";
import { Label } from "@bulkhead/schemas";
import { z } from "zod";
import { defineConnection, placeOf, SettingsPath } from "../connection.ts";
import { defineTool, type Tool } from "../define.ts";
import { role } from "../role.ts";
import { changedPath, moveFileIn, restoreIn, trashFileIn, writeFileIn } from "./change.ts";
import { lookAt } from "./look.ts";
import { openIn, resolveIn, TRASH } from "./root.ts";

const Settings = z.strictObject({
  /** The folder that this connection is confined to. */
  root: SettingsPath,
  write: z.boolean().default(false),
  /** Labels that reading raises. A folder that agents write to always raises A. */
  reads: z.array(Label).default(["A", "B"]),
  maxBytes: z.int().min(1).max(400_000).default(200_000),
});
type Settings = z.output<typeof Settings>;

const MAX_ENTRIES = 500;
/** So much of a file's text is shown to whoever is asked about it. */
const SHOWN_CHARS = 2_000;
const TIMEOUT_MS = 10_000;

/** Text files below one folder. Deleting means the trash; every change can be undone by its effect id. */
export const filesConnection = defineConnection({
  kind: "files",
  settings: Settings,
  copy: async (settings, dir) => {
    await mkdir(join(dir, "root"));
    return { ...settings, root: join(dir, "root") };
  },
  tools: (connection, relative, base) => {
    const settings = { ...relative, root: placeOf(base, relative.root) };
    const changing = settings.write ? [...writers(connection, settings), ...removers(connection, settings)] : [];
    return [...readers(connection, settings), ...changing];
  },
});

const path = () => role("path", z.string().min(1).max(1_000));

function readers(connection: string, { root, reads, write, maxBytes }: Settings): readonly Tool[] {
  const labels = write ? [...new Set<"A" | "B">(["A", ...reads])] : reads;
  return [
    defineTool({
      name: `${connection}-list`,
      description: "Lists a folder.",
      effects: [],
      reads: labels,
      input: z.strictObject({ path: role("path", z.string().max(1_000)).optional() }),
      run: async ({ path: of }) => ({ entries: await list(root, of ?? "") }),
    }),
    defineTool({
      name: `${connection}-read`,
      description: "Reads a text file.",
      effects: [],
      reads: labels,
      input: z.strictObject({ path: path() }),
      run: async ({ path: of }) => await read(root, of, maxBytes),
    }),
  ];
}

function writers(connection: string, { root, maxBytes }: Settings): readonly Tool[] {
  return [
    defineTool({
      name: `${connection}-write`,
      description: "Writes a whole text file. What was there before is kept.",
      ...{ effects: ["state"], timeoutMs: TIMEOUT_MS },
      reads: [],
      sentence: "Write the file {path}",
      rollback: { mode: "compensate", tool: `${connection}-restore` },
      state: ({ path: of }) => lookAt(root, of, SHOWN_CHARS),
      inverse: (_args, _before, { effectId }) => ({ effect: effectId }),
      rehearse: async () => {
        await writeFile(join(root, "written.txt"), "before");
        return [
          { path: "written.txt", text: "after" },
          { path: "new.txt", text: "new" },
        ];
      },
      input: z.strictObject({ path: path(), text: z.string().max(maxBytes) }),
      run: ({ path: of, text }, { effectId }) => writeFileIn({ root, path: of, effectId }, text),
      readBack: async ({ path: of, text }) => {
        const now = await raw(root, of, maxBytes * 4).catch(() => undefined);
        return now?.equals(Buffer.from(text)) === true ? { found: true, result: { written: of } } : { found: false };
      },
    }),
    defineTool({
      name: `${connection}-move`,
      description: "Moves or renames a file. An existing target is not overwritten.",
      ...{ effects: ["state"], timeoutMs: TIMEOUT_MS },
      reads: [],
      sentence: "Move the file {path} to {to}",
      rollback: { mode: "compensate", tool: `${connection}-move` },
      state: async ({ path: of, to }) => ({ path: await lookAt(root, of), to: await lookAt(root, to) }),
      inverse: ({ path: of, to }) => ({ path: to, to: of }),
      rehearse: async () => {
        await writeFile(join(root, "moved.txt"), "moved");
        return [{ path: "moved.txt", to: "folder/moved.txt" }];
      },
      input: z.strictObject({ path: path(), to: path() }),
      run: ({ path: of, to }, { effectId }) => moveFileIn({ root, path: of, effectId }, to),
      readBack: async ({ path: of, to }) => {
        const [from, target] = [await exists(root, of), await exists(root, to)];
        if (from === target) return "unknown";
        return target ? { found: true, result: { moved: of, to } } : { found: false };
      },
    }),
  ];
}

function removers(connection: string, { root }: Settings): readonly Tool[] {
  return [
    defineTool({
      name: `${connection}-delete`,
      description: "Moves a file into the trash.",
      ...{ effects: ["state"], timeoutMs: TIMEOUT_MS },
      reads: [],
      sentence: "Move the file {path} into the trash",
      rollback: { mode: "compensate", tool: `${connection}-restore` },
      state: ({ path: of }) => lookAt(root, of, SHOWN_CHARS),
      inverse: (_args, _before, { effectId }) => ({ effect: effectId }),
      rehearse: async () => {
        await writeFile(join(root, "deleted.txt"), "deleted");
        return [{ path: "deleted.txt" }];
      },
      input: z.strictObject({ path: path() }),
      run: ({ path: of }, { effectId }) => trashFileIn({ root, path: of, effectId }),
      readBack: async ({ path: of }) =>
        (await exists(root, of)) ? { found: false } : { found: true, result: { deleted: of } },
    }),
    defineTool({
      name: `${connection}-restore`,
      description: "Undoes a write or a deletion, named by its effect id. Not if the file was changed since.",
      sentence: "Undo the write or deletion {effect}",
      ...{ effects: ["state"], timeoutMs: TIMEOUT_MS },
      reads: [],
      input: z.strictObject({ effect: role("id", z.string().regex(/^e-[0-9a-f]{32}$/)) }),
      state: async ({ effect }) => {
        const of = await changedPath(root, effect);
        return { path: of, file: await lookAt(root, of, SHOWN_CHARS) };
      },
      run: ({ effect }) => restoreIn(root, effect),
    }),
  ];
}

async function list(root: string, of: string) {
  const folder = await resolveIn(root, of);
  const entries = await readdir(folder, { withFileTypes: true }).catch((cause: unknown) => {
    throw new BulkheadError("adapter.failed", "(no such folder)", { cause });
  });
  const shown = entries.filter((entry) => (entry.isFile() || entry.isDirectory()) && entry.name !== TRASH);
  const sorted = shown.sort((a, b) => (a.name < b.name ? -1 : 1)).slice(0, MAX_ENTRIES);
  return await Promise.all(
    sorted.map(async (entry) => {
      const { size } = await lstat(join(folder, entry.name));
      return { name: entry.name, kind: entry.isFile() ? "file" : "folder", bytes: size };
    }),
  );
}

async function read(root: string, of: string, maxBytes: number) {
  const bytes = await raw(root, of, maxBytes + 1);
  const text = normaliseText(bytes.subarray(0, maxBytes).toString("utf8"));
  return { path: of, text, truncated: bytes.length > maxBytes };
}

async function raw(root: string, of: string, maxBytes: number): Promise<Buffer> {
  await using handle = await openIn(root, of);
  const buffer = Buffer.alloc(Math.min((await handle.stat()).size, maxBytes));
  const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0);
  return buffer.subarray(0, bytesRead);
}

async function exists(root: string, of: string): Promise<boolean> {
  return (await lstat(await resolveIn(root, of)).catch(() => undefined)) !== undefined;
}
