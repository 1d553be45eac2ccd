import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { BulkheadError, sameDigest } from "@bulkhead/core";
import { bundleDigest, type Tool } from "@bulkhead/tools";

/**
 * Loads the user's code: the very bytes that were hashed are what is imported, from memory, so a file that changes in
 * between gains nothing. A bundle has no imports but Node's own modules.
 */
export async function importBundle(dir: string, file: string, sha256: string): Promise<Tool> {
  if (file !== basename(file)) throw new BulkheadError("tool.hash", "(a bundle lies in the tools folder itself)");
  const bytes = await readFile(join(dir, file)).catch((cause: unknown) => {
    throw new BulkheadError("adapter.missing", `(${file})`, { cause });
  });
  if (!sameDigest(bundleDigest(bytes), sha256)) throw new BulkheadError("tool.hash", `(${file})`);
  const loaded = (await import(`data:text/javascript;base64,${bytes.toString("base64")}`)) as { default?: unknown };
  const tool = loaded.default as Partial<Tool> | undefined;
  if (typeof tool?.run !== "function" || typeof tool.name !== "string")
    throw new BulkheadError("adapter.missing", `(${file} has no default export made by defineTool)`);
  return tool as Tool;
}
