import { loadRules, type RuleQuestion, type Rules } from "@bulkhead/policy";
import type { JsonObject, Policy } from "@bulkhead/schemas";
import { checkProject, projectAt } from "bulkhead";
import { beforeAll, expect, test } from "vitest";
import { newAccount, setStage } from "./stage.ts";

let rules: Rules;
let policy: Pick<Policy, "tools" | "watch" | "rules">;

beforeAll(async () => {
  const stage = await setStage([], { port: 2599, account: newAccount() });
  const checked = await checkProject(projectAt(stage.dir));
  await stage.remove();
  if (!checked.ok) throw new Error(JSON.stringify(checked.mistakes));
  policy = checked.draft;
  rules = loadRules(policy);
});

const NOON = Date.parse("2026-11-25T11:00:00Z"); // a Wednesday, 12:00 in Berlin
const mail = (to: string, more: JsonObject = {}): JsonObject => ({
  to: [to],
  subject: "Hello",
  text: "Hello",
  ...more,
});
const pay = (cents: number): JsonObject => ({ account: "DE02120300000000202051", cents, reference: "Invoice 7" });
const book = { kind: "invoice", title: "Invoice 7" };
const FINE = mail("max@example.org");

/** What of the rules matches a call. */
function matching(tool: string, args: JsonObject, change: Partial<RuleQuestion> = {}): string[] {
  const contract = policy.tools[tool];
  if (contract === undefined) throw new Error(`no tool ${tool}`);
  const used = { "payments-transfer": "payments-a-day", "mail-send": "mails-a-day", "channel-post": "posts-a-day" }[
    tool
  ];
  const facts = { agent: "inbox", tier: "CONFIRM", labels: [], at: NOON, used: used ? { [used]: 0 } : {} } as const;
  const { outcome, matched } = rules.judge({ tool: contract, args, ...facts, ...change });
  return matched.map(({ id }) => `${outcome} ${id}`);
}

const at = (time: string) => ({ at: Date.parse(time) });

test.each<[string, string, Parameters<typeof matching>, Parameters<typeof matching>]>([
  ["deny", "throw-away-mailbox", ["mail-send", mail("x@MAILINATOR.com")], ["mail-send", FINE]],
  ["deny", "recipient-without-domain", ["mail-send", mail("nobody")], ["mail-send", FINE]],
  [
    "ask",
    "copy-outside",
    ["mail-send", { ...FINE, cc: ["a@b.example"] }],
    ["mail-send", { ...FINE, cc: ["eva@example.org"] }],
  ],
  [
    "ask",
    "mail-at-night",
    ["mail-send", FINE, at("2026-11-25T18:30:00Z")],
    ["mail-send", FINE, at("2026-07-25T16:30:00Z")],
  ],
  [
    "deny",
    "no-money-on-weekends",
    ["payments-transfer", pay(100), at("2026-11-28T11:00:00Z")],
    ["payments-transfer", pay(100)],
  ],
  ["ask", "large-payment", ["payments-transfer", pay(50_001)], ["payments-transfer", pay(50_000)]],
  ["deny", "payment-ceiling", ["payments-transfer", pay(500_001)], ["payments-transfer", pay(100)]],
  [
    "ask",
    "much-paid-today",
    ["payments-transfer", pay(1), { used: { "payments-a-day": 80_001 } }],
    ["payments-transfer", pay(1), { used: { "payments-a-day": 80_000 } }],
  ],
  ["deny", "books-are-for-finance", ["books-create", book], ["books-create", book, { agent: "finance" }]],
  [
    "ask",
    "many-posts",
    ["channel-post", { text: "Hi" }, { used: { "posts-a-day": 5 } }],
    ["channel-post", { text: "Hi" }, { used: { "posts-a-day": 4 } }],
  ],
])("TIER-06: %s by %s", (outcome, id, call, other) => {
  expect(matching(...call)).toContain(`${outcome} ${id}`);
  expect(matching(...other)).toEqual([]);
});

test("every rule of the office is tried above", () => {
  expect(rules.all.map(({ id }) => id)).toHaveLength(10);
});
