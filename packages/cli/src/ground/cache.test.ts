import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { buildOnce, cacheRoot } from "./cache.ts";

test("a folder is built whole or not at all, and two builds at once do not break each other", async () => {
  const dir = await mkdtemp(join(tmpdir(), "bulkhead-cache-"));
  const path = join(dir, "thing");
  await expect(
    buildOnce(path, async (draft) => {
      await writeFile(join(draft, "half"), "");
      throw new Error("broken");
    }),
  ).rejects.toThrow("broken");
  expect(existsSync(path)).toBe(false);
  const build = (text: string) => buildOnce(path, (draft) => writeFile(join(draft, "file"), text));
  await Promise.all([build("a"), build("b"), build("c")]);
  expect(await readFile(join(path, "file"), "utf8")).toMatch(/^[abc]$/);
  expect(await readdir(dir)).toEqual(["thing"]);
  await rm(dir, { recursive: true });
});

test("the cache lies in XDG_CACHE_HOME", () => {
  expect(cacheRoot({ XDG_CACHE_HOME: "/caches" })).toBe("/caches/bulkhead");
});
