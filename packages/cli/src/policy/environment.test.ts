import { chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { policyTemplate } from "../commands/init-template.ts";
import { ENVIRONMENT_KEY, keepKey } from "./environment.ts";
import { projectAt } from "./project.ts";
import { type CheckResult, checkProject } from "./project-check.ts";

const KEY = "sk-canary-4711";
const SET = { OPENAI_BASE_URL: "https://models.example.org/v1", OPENAI_API_KEY: KEY };
const PRICED = `${policyTemplate("shop")}models: { small: { model: good, price: { input: 0.25, output: 2.00 } } }\n`;

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "bulkhead-environment-"));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function check(yaml: string, env: NodeJS.ProcessEnv): Promise<CheckResult> {
  await writeFile(join(dir, "bulkhead.yaml"), yaml);
  return await checkProject(projectAt(dir), Date.now(), env);
}

const codes = (result: CheckResult): string[] => (result.ok ? [] : result.mistakes.map(({ code }) => code));
const classOf = (result: CheckResult): unknown => (result.ok ? result.draft.models.classes["small"] : result.mistakes);

describe("the environment's model", () => {
  test("COST-03: without a model and its price nothing is signed, and one line says what to write", async () => {
    const unpriced = await check(policyTemplate("shop"), SET);
    expect(codes(unpriced)).toEqual(["model.price"]);
    const line = unpriced.ok ? undefined : /Write "(.+?)" \(/.exec(unpriced.mistakes[0]?.suggestion ?? "")?.[1];
    expect(codes(await check(`${policyTemplate("shop")}${line ?? ""}\n`, SET))).toEqual([]);
    expect(codes(await check(PRICED.replace(/, price.*?\}/, ""), SET))).toContain("key.missing");
  });

  test("stands in for a class's url and credential, and for nothing that the file says", async () => {
    expect(classOf(await check(PRICED, SET))).toMatchObject({
      baseUrl: SET.OPENAI_BASE_URL,
      credential: ENVIRONMENT_KEY,
      model: "good",
    });
    expect(classOf(await check(PRICED, { OPENAI_BASE_URL: "http://127.0.0.1:11434/v1" }))).not.toHaveProperty(
      "credential",
    );
    const own = PRICED.replace("model: good", 'model: good, url: "https://own.example.org/v1"');
    const kept = classOf(await check(own, SET));
    expect(kept).toMatchObject({ baseUrl: "https://own.example.org/v1" });
    expect(kept).not.toHaveProperty("credential");
    expect(codes(await check(policyTemplate("shop"), { OPENAI_BASE_URL: "", OPENAI_API_KEY: KEY }))).toEqual([]);
  });

  test("an address that is none, that is missing, or that holds a secret is refused", async () => {
    const urls = [undefined, "models", "ftp://x.example.org", `https://me:${KEY}@x.example.org/v1`];
    for (const url of [...urls, `https://x.example.org/v1?key=${KEY}`]) {
      const found = await check(PRICED, { OPENAI_BASE_URL: url });
      expect(codes(found)).toEqual(["model.endpoint"]);
      expect(JSON.stringify(found)).not.toContain(KEY);
    }
  });

  test("S8: its key is in a file that the owner alone may read, and not in the policy", async () => {
    const checked = await check(PRICED, SET);
    if (!checked.ok) throw new Error(JSON.stringify(checked.mistakes));
    expect(JSON.stringify(checked.draft)).not.toContain(KEY);
    const file = join(projectAt(dir).credentialsDir, ENVIRONMENT_KEY);
    await keepKey(projectAt(dir), checked.draft, { ...SET, OPENAI_API_KEY: "sk-old" });
    await chmod(file, 0o644);
    await keepKey(projectAt(dir), checked.draft, SET);
    expect(await readFile(file, "utf8")).toBe(`${KEY}\n`);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });
});
