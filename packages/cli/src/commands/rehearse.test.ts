import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { policyTemplate } from "./init-template.ts";

/** Each command is a process of its own, and this machine may have few cores. */
vi.setConfig({ testTimeout: 120_000 });

const BIN = join(import.meta.dirname, "..", "..", "bin", "bulkhead.mjs");
let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "bulkhead-rehearse-command-"));
  await mkdir(join(dir, "tools"));
  await mkdir(join(dir, "files"));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function bulkhead(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  return await new Promise((resolve) => {
    execFile(process.execPath, [BIN, ...args], (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code), out, err });
    });
  });
}

const policy = (grant: string): Promise<void> =>
  writeFile(
    join(dir, "bulkhead.yaml"),
    policyTemplate("shop")
      .replace("notes-create: AUTO+", grant)
      .replace("root: files #", "write: true\n    root: files #"),
  );
const stock = (inverse: string, more = ""): Promise<void> =>
  writeFile(
    join(dir, "tools", "stock-set.ts"),
    `import { defineTool, z } from "@bulkhead/sdk";
let count = 0;
export default defineTool({
  name: "stock-set", effects: ["state"], description: "", rollback: { mode: "compensate", tool: "stock-set" }, ${more}
  input: z.object({ to: z.int() }), run: ({ to }) => void (count = to), state: () => ({ count }),
  inverse: (_args, before) => (${inverse}), rehearse: () => [{ to: 7 }],
});
`,
  );

test("what was compared is printed, what differs is told and fails, and sign believes what passed", async () => {
  await policy("stock-set: PROPOSE");
  await stock("{ to: 3 }");
  const failed = await bulkhead("rehearse", dir);
  expect([failed.code, failed.err.trim()]).toEqual([1, "rehearsing stock-set"]);
  for (const part of [
    "failed",
    'before    {"count":0}',
    "done      count: 0 → 7",
    "undone    count: 0 → 3",
    "1 failed",
  ])
    expect(failed.out).toContain(part);
  const refused = await bulkhead("sign", dir);
  expect([refused.code, refused.err]).toEqual([2, expect.stringContaining("count: 0 → 3")]);
  await stock("{ to: before.count }");
  expect((await bulkhead("sign", dir)).err).toContain(`npx bulkhead rehearse ${dir} stock-set`);
  const passed = await bulkhead("rehearse", dir, "stock-set", "--json");
  expect(JSON.parse(passed.out)).toMatchObject([{ status: "passed", compared: [{ undone: { count: 0 } }] }]);
  expect((await bulkhead("sign", dir)).out).toContain("+ rehearsals.stock-set: sha256:");
});

test("all that can be undone is rehearsed in a copy: the project's own files stay as they are", async () => {
  await policy("notes-create: AUTO+");
  await stock("{ to: before.count }", 'egress: ["https://shop.example"],');
  const all = await bulkhead("rehearse", dir, "--all");
  expect([all.code, all.out.trim().split("\n").at(-1)]).toEqual([0, "6 passed, 0 failed, 1 not tried"]);
  expect(await readdir(join(dir, "files"))).toEqual([]);
  const asked = await bulkhead("rehearse", dir, "stock-set");
  expect([asked.code, asked.out]).toEqual([1, expect.stringContaining("https://shop.example. To do so: --live")]);
  expect((await bulkhead("rehearse", dir)).out).toContain("No agent is given a tool at PROPOSE");
});

test("a tool that is not there, or is not undone, is a wrong command line", async () => {
  const unknown = await bulkhead("rehearse", dir, "notes-creat");
  expect([unknown.code, unknown.err]).toEqual([2, expect.stringContaining('Did you mean "notes-create"?')]);
  const read = await bulkhead("rehearse", dir, "notes-get");
  expect([read.code, read.err]).toEqual([2, expect.stringContaining("does not say which tool undoes it")]);
});
