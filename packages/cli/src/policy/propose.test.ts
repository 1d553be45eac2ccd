import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Policy } from "@bulkhead/schemas";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { policyTemplate } from "../commands/init-template.ts";
import { rehearseAndKeep } from "../rehearse/room.ts";
import type { Mistake } from "./mistakes.ts";
import { type Project, projectAt } from "./project.ts";
import { checkProject, readProject } from "./project-check.ts";
import { undoables } from "./rehearsals.ts";

vi.setConfig({ testTimeout: 120_000 });

let root: string;
let count = 0;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "bulkhead-propose-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

interface Checked {
  readonly project: Project;
  readonly policy: Omit<Policy, "trust" | "signedAt"> | undefined;
  readonly mistakes: readonly Mistake[];
}

async function check(yaml: string, files: Record<string, string> = {}, at?: Project): Promise<Checked> {
  const project = at ?? projectAt(join(root, String((count += 1))));
  await mkdir(project.toolsDir, { recursive: true });
  await writeFile(project.policyFile, yaml);
  for (const [name, text] of Object.entries(files)) await writeFile(join(project.toolsDir, name), text);
  const result = await checkProject(project);
  return { project, policy: result.ok ? result.draft : undefined, mistakes: result.ok ? [] : result.mistakes };
}

const template = policyTemplate("shop");
const grant = (text: string): string => template.replace("notes-create: AUTO+", text);
const told = ({ mistakes }: Checked): string[] => mistakes.map(({ line, col, code }) => `${line}:${col} ${code}`);
/** Where the value of a key stands, with the code of what is wrong there. */
const place = (yaml: string, key: string, code: string): string => {
  const lines = yaml.split("\n");
  const line = lines.findIndex((each) => each.trimStart().startsWith(`${key}:`));
  return `${line + 1}:${(lines[line] ?? "").indexOf(": ") + 3} ${code}`;
};
const EXCEPTION = 'exception: { owner: owner, reason: "colleagues only", until: 2999-12-31 }';

test("TIER-08: a shipped tool at PROPOSE is rehearsed by itself, and its policy holds what undoes it", async () => {
  const { policy } = await check(grant("notes-create: { tier: PROPOSE, window: 5m }"));
  expect(policy?.agents["assistant"]?.tools["notes-create"]).toEqual({ tier: "PROPOSE", windowMs: 300_000 });
  expect(policy?.rehearsals).toEqual({ "notes-create": policy?.tools["notes-create"]?.hash });
  expect(policy?.tools["notes-remove"]?.toolset).toBe(policy?.tools["notes-create"]?.toolset);
  expect((await check(template)).policy?.tools).not.toHaveProperty("notes-remove");
});

test("an agent under the ceiling PROPOSE may run what is AUTO+ at PROPOSE, so that is rehearsed, too", async () => {
  const { policy } = await check(template.replace("    model: small\n", "    model: small\n    ceiling: PROPOSE\n"));
  expect(Object.keys(policy?.rehearsals ?? {})).toEqual(["notes-create"]);
});

test("TIER-07: holding what leaves the house needs somebody who answers for it", async () => {
  const held = (more: string) => template.replace("channel-post: CONFIRM", `channel-post: { tier: PROPOSE${more} }`);
  expect(told(await check(held("")))).toEqual([place(held(""), "channel-post", "tier.exception")]);
  const { policy } = await check(held(`, window: 90s, ${EXCEPTION}`));
  expect(policy?.agents["assistant"]?.tools["channel-post"]).toMatchObject({ tier: "PROPOSE", windowMs: 90_000 });
  expect(policy?.rehearsals).toBeUndefined();
});

test("TIER-08: what can be neither undone nor held, and what only reads, cannot be PROPOSE", async () => {
  const restore = grant("files-restore: PROPOSE").replace("root: files #", "write: true\n    root: files #");
  const [unfit] = (await check(restore)).mistakes;
  expect([unfit?.code, unfit?.suggestion]).toEqual(["tier.rollback", "Use CONFIRM: a person decides first."]);
  const reading = grant("files-list: PROPOSE").replace("      files-list: AUTO\n", "");
  expect(told(await check(reading))).toEqual([place(reading, "files-list", "tier.effect")]);
});

test("an account that cannot be copied cannot be rehearsed", async () => {
  const imap =
    "  mail:\n    kind: mail\n    from: o@example.org\n    store: { type: imap, host: mail.example.org, user: o }\n";
  const yaml = grant("mail-label: PROPOSE").replace("connections:\n", `connections:\n${imap}`);
  const { mistakes } = await check(yaml);
  const found = mistakes.find(({ code }) => code === "tier.rehearsal");
  expect([found?.message, found?.suggestion]).toEqual([
    expect.stringContaining("no throw-away copy"),
    expect.stringContaining("CONFIRM"),
  ]);
});

const own = (undo: string, name = "stock-set", undoneBy = name): string => `
import { defineTool, z } from "@bulkhead/sdk";
const shelf = (globalThis.shelf ??= new Map());
export default defineTool({
  name: "${name}", effects: ["state"], description: "Counts.", rollback: { mode: "compensate", tool: "${undoneBy}" },
  input: z.object({ item: z.string(), count: z.int() }),
  run: ({ item, count }) => void shelf.set(item, count),
  state: ({ item }) => ({ count: shelf.get(item) ?? 0 }),
  inverse: ({ item }, before) => (${undo}),
  rehearse: () => [{ item: "nails", count: 7 }],
});
`;
const RIGHT = "{ item, count: before.count }";
const WRONG = "{ item, count: 1 }";

async function rehearseAll(project: Project): Promise<void> {
  const read = await readProject(project);
  if (read.file === undefined) throw new Error("unreadable");
  const { catalogue } = read;
  for (const each of undoables(catalogue)) await rehearseAndKeep(each, { project, catalogue, live: false });
}

test("TIER-08: an own tool is PROPOSE only while the very version that was rehearsed is what is signed", async () => {
  const yaml = grant("stock-set: PROPOSE");
  const first = await check(yaml, { "stock-set.ts": own(RIGHT) });
  expect(told(first)).toEqual([place(yaml, "stock-set", "tier.rehearsal")]);
  expect(first.mistakes[0]?.suggestion).toBe(`Run: npx bulkhead rehearse ${first.project.dir} stock-set`);
  await rehearseAll(first.project);
  const passed = await check(yaml, {}, first.project);
  expect(passed.policy?.rehearsals).toEqual({ "stock-set": passed.policy?.tools["stock-set"]?.hash });
  const changed = await check(yaml, { "stock-set.ts": own(WRONG) }, first.project);
  expect(changed.mistakes[0]?.message).toContain("not rehearsed in this version");
  await rehearseAll(first.project);
  const failed = await check(yaml, {}, first.project);
  expect(failed.mistakes[0]?.message).toContain("does not work. Undone, it is not as before: count: 0 → 1");
  const unasked = await check(grant("stock-set: AUTO+"), {}, first.project);
  expect([unasked.mistakes, unasked.policy?.rehearsals]).toEqual([[], undefined]);
});

test("TIER-08: an inverse that changed is an inverse that was never rehearsed", async () => {
  const yaml = grant("stock-set: PROPOSE");
  const files = { "stock-set.ts": own(RIGHT, "stock-set", "stock-back"), "stock-back.ts": own(RIGHT, "stock-back") };
  const { project } = await check(yaml, files);
  await rehearseAll(project);
  const { policy } = await check(yaml, {}, project);
  expect(Object.keys(policy?.tools ?? {})).toContain("stock-back");
  const other = await check(yaml, { "stock-back.ts": own(WRONG, "stock-back") }, project);
  expect(other.mistakes.map(({ code }) => code)).toEqual(["tier.rehearsal"]);
  const described = own(RIGHT, "stock-set", "stock-back").replace("Counts.", "Counts nails.");
  const same = { "stock-back.ts": files["stock-back.ts"] };
  const reworded = await check(yaml, { ...same, "stock-set.ts": described }, project);
  expect(reworded.mistakes.map(({ code }) => code)).toEqual(["tier.rehearsal"]);
  const gone = await check(yaml, { "stock-set.ts": own(RIGHT, "stock-set", "files-write") }, project);
  expect(gone.mistakes.map(({ code }) => code)).toEqual(["tier.rollback"]);
});

test("an own tool that says hold needs nothing more; one that would reach the world is not tried unasked", async () => {
  const tool = own(RIGHT)
    .replace(/rollback:.*\n/, 'rollback: { mode: "hold" },\n')
    .replace(/ {2}inverse.*\n/, "");
  expect((await check(grant("stock-set: PROPOSE"), { "stock-set.ts": tool })).mistakes).toEqual([]);
  const reaching = own(RIGHT).replace("effects", 'egress: ["https://shop.example"], effects');
  const { project } = await check(grant("stock-set: PROPOSE"), { "stock-set.ts": reaching });
  await rehearseAll(project);
  expect((await check(grant("stock-set: PROPOSE"), {}, project)).mistakes.map(({ code }) => code)).toEqual([
    "tier.rehearsal",
  ]);
});
