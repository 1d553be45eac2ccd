import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, expect, test } from "vitest";
import { REQUIREMENTS, type Requirement, type RequirementId } from "./requirements.ts";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const own = join("test", "requirements.test.ts");
const ID = /\b(?:S\d{1,2}|[A-Z]{2,4}-\d{2})\b/g;
const CLAIM = /\b(?:verifies\(\s*(\[[^\]]*\]|"[^"]*")|(?:test|it)(?:\.\w+)*\(\s*["'`]([A-Z][A-Z0-9, -]*):)/g;

const entries = Object.entries(REQUIREMENTS) as [RequirementId, Requirement][];
const shown = new Map<string, string[]>();

async function testFiles(): Promise<string[]> {
  const trees = ["schemas", "packages", "services", "examples", "test"];
  const found = await Promise.all(trees.map((tree) => readdir(join(root, tree), { recursive: true })));
  const files = found.flatMap((names, n) => names.map((name) => join(trees[n] ?? "", name)));
  return files.filter((file) => file.endsWith(".test.ts") && !file.includes("node_modules") && file !== own);
}

function claimsOf(source: string): string[] {
  return [...source.matchAll(CLAIM)].flatMap((claim) => (claim[1] ?? claim[2] ?? "").match(ID) ?? []);
}

beforeAll(async () => {
  for (const file of await testFiles())
    for (const id of claimsOf(await readFile(join(root, file), "utf8")))
      shown.set(id, [...(shown.get(id) ?? []), file]);
});

test("every requirement called covered, or covered in part, has a test that names it", () => {
  const claimed = entries.filter(([, requirement]) => requirement.status !== "planned");
  expect(claimed.map(([id]) => id).filter((id) => !shown.has(id))).toEqual([]);
});

test("no test shows a requirement that is called planned", () => {
  const planned = entries.filter(([, requirement]) => requirement.status === "planned");
  expect(planned.map(([id]) => id).filter((id) => shown.has(id))).toEqual([]);
});

test("every requirement that a test names is listed", () => {
  expect([...shown.keys()].filter((id) => !Object.hasOwn(REQUIREMENTS, id))).toEqual([]);
});
