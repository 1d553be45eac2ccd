import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { BulkheadError, sameDigest } from "@bulkhead/core";
import { bundleDigest, type Tool } from "@bulkhead/tools";

/**
 * Loads the user's code: the very bytes that were hashed are what is imported, from a copy in a folder that only this
 * process can reach, so a file that changes in between gains nothing. A bundle has no imports but Node's own modules.
 */
export async function importBundle(dir: string, file: string, sha256: string): Promise<Tool> {
  if (file !== basename(file)) throw new BulkheadError("tool.hash", "(a bundle lies in the tools folder itself)");
  const bytes = await readFile(join(dir, file)).catch((cause: unknown) => {
    throw new BulkheadError("adapter.missing", `(${file})`, { cause });
  });
  if (!sameDigest(bundleDigest(bytes), sha256)) throw new BulkheadError("tool.hash", `(${file})`);
  const loaded = await importPrivately(bytes, file);
  const tool = loaded.default as Partial<Tool> | undefined;
  if (typeof tool?.run !== "function" || typeof tool.name !== "string")
    throw new BulkheadError("adapter.missing", `(${file} has no default export made by defineTool)`);
  return tool as Tool;
}

async function importPrivately(bytes: Uint8Array, name: string): Promise<{ default?: unknown }> {
  const dir = await mkdtemp(join(tmpdir(), "bulkhead-tool-"));
  try {
    const copy = join(dir, name);
    await writeFile(copy, bytes, { mode: 0o600, flag: "wx" });
    return (await import(pathToFileURL(copy).href)) as { default?: unknown };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
