import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { policyTemplate } from "../commands/init-template.ts";
import { projectAt } from "./project.ts";
import { checkProject } from "./project-check.ts";

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "bulkhead-approvals-"));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const PEOPLE = `operators:
  owner: { person: owner, roles: [approver, admin] }
  owner-at-home: { person: owner, roles: [approver] }
  ana: { roles: [approver] }
  bob: { roles: [viewer] }
`;
const people = policyTemplate("shop").replace(/operators:\n {2}owner:\n.*\n.*\n/, PEOPLE);

async function granted(text: string): Promise<unknown> {
  const yaml = people.replace("channel-post: CONFIRM", `channel-post: ${text}`);
  const line = yaml.split("\n").findIndex((each) => each.includes("channel-post:")) + 1;
  await writeFile(join(dir, "bulkhead.yaml"), yaml);
  const checked = await checkProject(projectAt(dir));
  if (checked.ok) return checked.draft.agents["assistant"]?.tools["channel-post"];
  expect(checked.mistakes.map((mistake) => mistake.line)).toEqual(checked.mistakes.map(() => line));
  return checked.mistakes.map(({ code, message }) => `${code} ${message}`);
}

test("TIER-11: so many natural persons must be there, each with the role approver", async () => {
  expect(await granted("{ tier: CONFIRM, approvals: 2 }")).toEqual({ tier: "CONFIRM", approvals: { count: 2 } });
  const named = "{ tier: CONFIRM, approvals: { count: 2, from: [owner, ana] } }";
  expect(await granted(named)).toMatchObject({ approvals: { count: 2, from: ["owner", "ana"] } });
  const few = [expect.stringMatching(/^grant\.approvals .* are (2|1)\.$/)];
  expect(await granted("{ tier: CONFIRM, approvals: 3 }")).toEqual(few);
  expect(await granted("{ tier: CONFIRM, approvals: { count: 2, from: [owner, owner-at-home] } }")).toEqual(few);
});

test("whoever is named is known, and may approve", async () => {
  const unfit = "{ tier: CONFIRM, approvals: { count: 1, from: [anna, bob] } }";
  expect(await granted(unfit)).toEqual([
    'operator.unknown There is no operator "anna".',
    'operator.approver The operator "bob" has not the role approver.',
  ]);
});

test("no approval at all, and terms that a tier does not have, are refused", async () => {
  expect(await granted("{ tier: CONFIRM, approvals: 0 }")).toEqual([
    expect.stringMatching(/^value\.invalid 0 at .*less than one/),
  ]);
  expect(await granted("{ tier: BLOCK, approvals: 2 }")).toEqual([expect.stringMatching(/^grant\.approvals /)]);
  expect(await granted("{ tier: CONFIRM, window: 5m }")).toEqual([expect.stringMatching(/^grant\.window /)]);
  const exception = 'exception: { owner: ana, reason: "colleagues only", until: 2999-12-31 }';
  expect(await granted(`{ tier: PROPOSE, window: 0s, ${exception} }`)).toEqual([
    expect.stringMatching(/^value\.invalid .*shorter than a second/),
  ]);
  expect(await granted(`{ tier: PROPOSE, windw: 5m, ${exception} }`)).toEqual([
    expect.stringMatching(/^key\.unknown /),
  ]);
});
