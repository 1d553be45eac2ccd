import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { SERVICES } from "../supervise/bundle.ts";

/** Everything is bundled, and npm installs from a registry. */
vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

const run = promisify(execFile);
const PACKAGE = join(import.meta.dirname, "..", "..");
const TOOL = `import { defineTool, z } from "@bulkhead/sdk";
export default defineTool({
  name: "double", description: "Doubles a number.", effects: [], reads: [], input: z.strictObject({ n: z.int() }),
  run: ({ n }) => ({ n: 2 * n }),
});
`;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "bulkhead-pack-"));
  await run("npm", ["pack", "--ignore-scripts=false", "--pack-destination", folder], { cwd: PACKAGE });
  const [tarball = ""] = await readdir(folder);
  await writeFile(join(folder, "package.json"), "{}");
  const quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"];
  await run("npm", ["install", "--prefix", folder, ...quiet, `./${tarball}`], { cwd: folder });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const bulkhead = async (...args: string[]): Promise<unknown> => {
  const { stdout } = await run(join(folder, "node_modules", ".bin", "bulkhead"), [...args, "--json"], { cwd: folder });
  return JSON.parse(stdout);
};

test("a packed CLI stands alone: it brings every program, and none of this workspace's packages", async () => {
  const installed = await readdir(join(folder, "node_modules"));
  expect(installed).toContain("bulkhead");
  expect(installed).not.toContain("@bulkhead");
  const programs = await readdir(join(folder, "node_modules", "bulkhead", "dist", "programs"));
  const wanted = [...SERVICES.map((name) => `${name}.mjs`), "rehearsal.mjs", "worker.cjs"];
  expect(programs).toEqual(expect.arrayContaining(wanted));
  const files = await readdir(join(folder, "node_modules", "bulkhead"), { recursive: true });
  expect(files.filter((file) => file.endsWith(".ts"))).toEqual([]);
});

test("init and check run from it, and a tool of one's own is bundled against what it brings", async () => {
  expect(await bulkhead("init", "shop")).toMatchObject({ epoch: expect.stringMatching(/./) as string });
  const file = join(folder, "shop", "bulkhead.yaml");
  await writeFile(join(folder, "shop", "tools", "double.ts"), TOOL);
  await writeFile(
    file,
    (await readFile(file, "utf8")).replace("files-list: AUTO", "files-list: AUTO\n      double: AUTO"),
  );
  expect(await bulkhead("check", "shop")).toMatchObject({ ok: true, signed: false });
  expect(await bulkhead("sign", "shop")).toMatchObject({ changes: expect.any(Array) as unknown[] });
  expect(await bulkhead("check", "shop")).toMatchObject({ ok: true, tools: 6, signed: true, changes: [] });
});
