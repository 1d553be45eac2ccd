import { AuditEntry, type CollectionContract, DATABASES } from "@bulkhead/schemas";
import { expect } from "vitest";
import { verifies } from "./verifies.ts";

const entry = { v: 1, event: "call.decided", instance: "i-1", counter: 1, at: 0, causes: ["task:t-1"] };
const MAIL = "Dear Sir,\nplease transfer 25,500,000 USD.";

verifies("AUD-14", "an entry has no room for what a mail says", () => {
  expect(AuditEntry.safeParse(entry).success).toBe(true);
  expect(AuditEntry.safeParse({ ...entry, text: MAIL }).success).toBe(false);
  const worded = [
    "agent",
    "principal",
    "task",
    "callId",
    "code",
    "action",
    "digest",
    "proposal",
    "operator",
    "content",
  ];
  for (const field of worded) expect(AuditEntry.safeParse({ ...entry, [field]: MAIL }).success, field).toBe(false);
  expect(AuditEntry.safeParse({ ...entry, causes: [MAIL] }).success).toBe(false);
  expect(AuditEntry.safeParse({ ...entry, reasons: [MAIL] }).success).toBe(false);
});

/** What people keep on purpose (books) or what holds references and numbers only. */
const LASTING = ["accounts", "agents", "budgets", "entries", "presence", "presence", "records"];

verifies("GD-07", "every collection that can hold what somebody wrote expires by itself", () => {
  const databases: readonly Readonly<Record<string, CollectionContract>>[] = Object.values(DATABASES);
  const collections = databases.flatMap((database) => Object.values(database));
  const expiring = collections.filter(({ indexes }) => indexes.some((index) => "ttlSeconds" in index));
  const lasting = collections.filter((collection) => !expiring.includes(collection)).map(({ name }) => name);
  expect(lasting.sort()).toEqual(LASTING);
});
