import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { policyTemplate } from "../commands/init-template.ts";
import { formatMistake, type Mistake } from "./mistakes.ts";
import { projectAt } from "./project.ts";
import { checkProject } from "./project-check.ts";

/** The first tool file of a checkout builds the kit that it is bundled against. */
vi.setConfig({ testTimeout: 120_000 });

let root: string;
let count = 0;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "bulkhead-check-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

async function check(yaml: string, files: Record<string, string> = {}): Promise<readonly Mistake[]> {
  const dir = join(root, String((count += 1)));
  for (const folder of ["tools", "credentials"]) await mkdir(join(dir, folder), { recursive: true });
  await writeFile(join(dir, "bulkhead.yaml"), yaml);
  for (const [name, text] of Object.entries(files)) await writeFile(join(dir, name), text, { mode: 0o600 });
  const result = await checkProject(projectAt(dir));
  return result.ok ? [] : result.mistakes;
}

const template = policyTemplate("shop");
const at = (mistakes: readonly Mistake[]): string[] => mistakes.map(({ line, col, code }) => `${line}:${col} ${code}`);
const lineOf = (yaml: string, text: string): number => yaml.split("\n").findIndex((line) => line.includes(text)) + 1;

describe("bulkhead check", () => {
  test("what init writes is right", async () => {
    expect(await check(template)).toEqual([]);
  });

  test("every mistake is told at once, with its place and a suggestion", async () => {
    const yaml = template
      .replace("daily: 1.00", "dayly: 1.00")
      .replace("files-read: AUTO", "fils-read: AUTO")
      .replace("kind: tracker", "kind: trakcer")
      .replace("channel-post: CONFIRM", "channel-post: AUTO+");
    const mistakes = await check(yaml);
    expect(at(mistakes)).toEqual([
      `${lineOf(yaml, "dayly")}:5 key.unknown`,
      `${lineOf(yaml, "fils-read")}:7 tool.unknown`,
      `${lineOf(yaml, "notes-list:")}:7 tool.unknown`,
      `${lineOf(yaml, "notes-create:")}:7 tool.unknown`,
      `${lineOf(yaml, "channel-post:")}:21 tier.exception`,
      `${lineOf(yaml, "trakcer")}:11 connection.kind`,
    ]);
    expect(mistakes[0]?.suggestion).toContain('"daily"');
    expect(mistakes[1]?.suggestion).toContain('"files-read"');
    expect(formatMistake(mistakes[5] as Mistake)).toMatch(
      /^bulkhead\.yaml:\d+:11 {2}connection\.kind .*\n {4}→ Did you mean "tracker"\?$/,
    );
  });

  test("TIER-07: an outward tool runs unasked only upon somebody, with a reason, until a day that is not over", async () => {
    const granted = (until: string, owner = "owner") =>
      template.replace(
        "channel-post: CONFIRM",
        `channel-post: { tier: AUTO+, exception: { owner: ${owner}, reason: "read by colleagues only", until: ${until} } }`,
      );
    expect(await check(granted("2999-12-31"))).toEqual([]);
    expect((await check(granted("2020-01-01"))).map(({ code }) => code)).toEqual(["tier.expired"]);
    expect((await check(granted("2999-12-31", "nobody"))).map(({ code }) => code)).toEqual(["operator.unknown"]);
  });

  test("AUTO is for reading", async () => {
    const codes = async (tier: string) =>
      (await check(template.replace("notes-create: AUTO+", `notes-create: ${tier}`))).map(({ code }) => code);
    expect(await codes("AUTO")).toEqual(["tier.effect"]);
    expect(await codes("BLOCK")).toEqual([]);
  });

  test("broken YAML and duplicate keys have a place", async () => {
    expect(at(await check("name: [x\nagents: {}\n"))[0]).toMatch(/^\d+:\d+ yaml\.syntax$/);
    expect(at(await check("name: a\nname: b\n"))).toEqual(["2:1 yaml.duplicate-key"]);
    expect((await check("")).map(({ code }) => code)).toEqual(["key.missing", "key.missing", "key.missing"]);
  });

  test("a secret does not belong into the file", async () => {
    const yaml = template.replace("file: channel.jsonl", "file: channel.jsonl\n    password: hunter2");
    expect((await check(yaml)).map(({ code }) => code)).toContain("secret.in-file");
  });

  const refund = `import { defineTool, role } from "@bulkhead/sdk";
import { z } from "zod";
export default defineTool({
  name: "refund", effects: ["money"], credentials: ["shop"], description: "Refunds an order.",
  input: z.object({ order: role("id", z.string()), cents: role("amount", z.int().max(50_000)) }),
  run: ({ order }, { http }) => http.post("/orders/" + order, {}),
});
`;

  test("a tool of one's own is granted like the others, and its credential file is its owner's alone", async () => {
    const yaml = template.replace("files-list: AUTO", "files-list: AUTO\n      refund: CONFIRM");
    expect((await check(yaml, { "tools/refund.ts": refund })).map(({ code }) => code)).toEqual(["credential.missing"]);
    expect(await check(yaml, { "tools/refund.ts": refund, "credentials/shop": "key" })).toEqual([]);
    await chmod(join(root, String(count), "credentials", "shop"), 0o644);
    const again = await checkProject(projectAt(join(root, String(count))));
    expect(again.ok ? [] : again.mistakes.map(({ code, suggestion }) => [code, suggestion])).toEqual([
      ["credential.mode", "Run: chmod 600 credentials/shop"],
    ]);
  });

  test("a tool file that does not hold a tool is told with its place", async () => {
    const mistakes = await check(template, {
      "tools/bad.ts": "export default 1;\n",
      "tools/worse.ts": "\n\nconst x: = 1;\n",
    });
    expect(mistakes.map(({ file, line, code }) => `${file}:${line} ${code}`)).toEqual([
      "tools/bad.ts:1 tool.broken",
      "tools/worse.ts:3 tool.broken",
    ]);
  });
});
