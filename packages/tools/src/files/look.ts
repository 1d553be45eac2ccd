import { createHash } from "node:crypto";
import { lstat } from "node:fs/promises";
import { openIn, resolveIn } from "./root.ts";

/** A file as it is now: how long, which bytes, and how its text begins if that was asked for. `null` = there is none. */
export type FileState = { readonly bytes: number; readonly sha256: string; readonly text?: string } | null;

/** The digest of a file that is not there. */
export const ABSENT = "absent";

/** Looks at a file. @throws BulkheadError `path.denied`, or `adapter.failed` for what is no file */
export async function lookAt(root: string, path: string, textChars = 0): Promise<FileState> {
  if ((await lstat(await resolveIn(root, path)).catch(() => undefined)) === undefined) return null;
  await using handle = await openIn(root, path);
  const hash = createHash("sha256");
  let [bytes, begin] = [0, Buffer.alloc(0)];
  for await (const chunk of handle.createReadStream({ autoClose: false, start: 0 })) {
    const read = chunk as Buffer;
    hash.update(read);
    bytes += read.length;
    if (begin.length < textChars * 4) begin = Buffer.concat([begin, read]);
  }
  const text = begin.toString("utf8").slice(0, textChars).toWellFormed();
  return { bytes, sha256: hash.digest("hex"), ...(textChars > 0 && { text }) };
}

/** What `lookAt` would say of a file with this text. */
export function digestOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** The digest of a file's bytes, or `ABSENT`. */
export async function digestIn(root: string, path: string): Promise<string> {
  return (await lookAt(root, path))?.sha256 ?? ABSENT;
}
