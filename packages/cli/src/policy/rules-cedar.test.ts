import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Draft } from "./compile.ts";
import { formatMistake } from "./mistakes.ts";
import { projectAt } from "./project.ts";
import { checkProject } from "./project-check.ts";

const YAML = `name: shop
agents:
  clerk:
    purpose: You help.
    tools: { payments-transfer: BLOCK, notes-create: AUTO+ }
connections:
  payments: { kind: payments }
  notes: { kind: tracker, kinds: [note] }
operators:
  ana: { roles: [approver, admin] }
`;
const LIMIT =
  "watchdog: { timeZone: Europe/Berlin, limits: { day: { tools: [payments-transfer], sum: cents, window: 24h, max: 500 } } }\n";

let root: string;
let count = 0;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "bulkhead-rules-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

async function check(yaml: string, rule?: string): Promise<readonly string[] | Draft> {
  const dir = join(root, String((count += 1)));
  await mkdir(join(dir, "rules"), { recursive: true });
  await writeFile(join(dir, "bulkhead.yaml"), yaml);
  if (rule !== undefined) await writeFile(join(dir, "rules", "money.cedar"), rule);
  const result = await checkProject(projectAt(dir));
  return result.ok ? result.draft : result.mistakes.map((mistake) => formatMistake(mistake));
}

describe("rules beside bulkhead.yaml", () => {
  test("TIER-06: their texts, limits and time zone go into the policy that is signed", async () => {
    const rule =
      'forbid(principal, action == Action::"payments-transfer", resource) when { context.used.day > 100 };\n';
    expect(await check(YAML + LIMIT, rule)).toMatchObject({
      rules: { "money.cedar": rule },
      watch: {
        timeZone: "Europe/Berlin",
        limits: { day: { sum: "cents", windowMs: 86_400_000, over: "ask", per: "house" } },
      },
    });
  });

  test("without any, nothing is judged", async () => {
    expect(await check(YAML)).toMatchObject({ watch: { timeZone: "UTC", limits: {}, outside: [] } });
  });

  test("a mistake in a rule is told with its file, line and a suggestion", async () => {
    const rule =
      '// one\nforbid(principal, action == Action::"payments-transfer", resource)\n  when { context.args.cent > 5 };';
    expect(await check(YAML, rule)).toEqual([
      expect.stringMatching(/^rules\/money\.cedar:3:10 {2}rule\.cedar .*cent.*\n {4}→ .*cents/s),
    ]);
  });

  test.each([
    [
      "tools: [payments-transfer]",
      "tools: [payments-transfr]",
      /limit\.tool .*payments-transfr.*\n.*payments-transfer/,
    ],
    ["sum: cents", "sum: reference", /limit\.sum .*reference/],
    ["Europe/Berlin", "Europe/Berlim", /time\.zone .*Berlim/],
    ["limits:", "outside: [{ toolset: mail, file: x }], limits:", /outside\.toolset .*"mail"/],
  ])("%s → %s", async (right, wrong, told) => {
    expect(await check(YAML + LIMIT.replace(right, wrong))).toEqual([expect.stringMatching(told)]);
  });
});
