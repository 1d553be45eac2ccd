import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { policyTemplate } from "../commands/init-template.ts";
import type { Draft } from "./compile.ts";
import { formatChange } from "./diff.ts";
import { type Project, projectAt } from "./project.ts";
import { checkProject } from "./project-check.ts";
import { changesSinceSigned, readSigned, signDraft } from "./signed.ts";

let project: Project;
beforeAll(async () => {
  project = projectAt(await mkdtemp(join(tmpdir(), "bulkhead-sign-")));
});
afterAll(() => rm(project.dir, { recursive: true, force: true }));

async function draftOf(yaml: string): Promise<Draft> {
  await writeFile(project.policyFile, yaml);
  const checked = await checkProject(project);
  if (!checked.ok) throw new Error(JSON.stringify(checked.mistakes));
  return checked.draft;
}

test("what is signed verifies, covers an unchanged file, and shows what changed in a changed one", async () => {
  const yaml = policyTemplate("shop");
  const draft = await draftOf(yaml);
  expect(await readSigned(project)).toBeUndefined();
  expect((await changesSinceSigned(project, draft)).length).toBeGreaterThan(10);
  const { loaded } = await signDraft(project, draft);
  expect((await readSigned(project))?.loaded.epoch).toBe(loaded.epoch);
  expect(await changesSinceSigned(project, await draftOf(yaml))).toEqual([]);
  const freer = yaml.replace("channel-post: CONFIRM", "channel-post: BLOCK").replace("daily: 1.00", "daily: 2.50");
  expect((await changesSinceSigned(project, await draftOf(freer))).map(formatChange)).toEqual([
    "~ agents.assistant.dailyMicros: 1.00 → 2.50",
    "~ agents.assistant.tools.channel-post.tier: CONFIRM → BLOCK",
  ]);
});

test("keys and the signed policy are their owner's alone, and the admin is nobody on the bus", async () => {
  const modes = await Promise.all(
    (await readdir(project.keysDir)).map(async (name) => (await stat(join(project.keysDir, name))).mode & 0o777),
  );
  expect(new Set(modes)).toEqual(new Set([0o600]));
  expect((await stat(project.stateDir)).mode & 0o777).toBe(0o700);
  expect((await readSigned(project))?.loaded.policy.trust).not.toHaveProperty("admin");
});

test("a changed byte in the signed policy is refused", async () => {
  const text = await readFile(project.signedPolicyFile, "utf8");
  await writeFile(project.signedPolicyFile, text.replace("CONFIRM", "AUTO+"));
  await expect(readSigned(project)).rejects.toThrow(/does not hold.*npx bulkhead sign/);
});
