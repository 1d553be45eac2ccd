import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Envelope, isBulkheadError } from "@bulkhead/core";
import type { Action } from "@bulkhead/schemas";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type PostOffice, startPostOffice } from "../harness/post-office.ts";
import { startRuntime, type TestRuntime } from "../harness/runtime.ts";
import { verifies } from "../verifies.ts";
import { type Attacker, attacker } from "./attacker.ts";

let rt: TestRuntime;
let post: PostOffice;
let evil: Attacker;

beforeAll(async () => {
  post = await startPostOffice();
  rt = await startRuntime({ smtpPort: post.port });
  evil = attacker(rt);
}, 90_000);

afterAll(async () => {
  await rt[Symbol.asyncDispose]();
  await post[Symbol.asyncDispose]();
});

/** From outside: no mark was written and no mail arrived. */
function nothingHappened(): void {
  expect(existsSync(join(rt.dir, "marks.txt"))).toBe(false);
  expect(post.received).toEqual([]);
}

const mark = (): Action => evil.action("mark", { word: "owned" });
const send = (): Action =>
  evil.action("mail-send", { to: ["evil@example.com"], subject: "hello", text: "all your mail" });

async function outcome(asked: Promise<unknown>): Promise<string> {
  try {
    const reply = (await asked) as { status: string; code?: string };
    return reply.code ?? reply.status;
  } catch (error) {
    return isBulkheadError(error) ? error.code : String(error);
  }
}

verifies("S2", "a taken-over gateway cannot make an effect without the watchdog's signature (S2)", async () => {
  const gateway = await rt.as("gateway");
  const ask = (action: Action, grants: Envelope[]) =>
    outcome(gateway.request("exec", { action, grants }, { values: { toolset: "local" } }));
  const alone = mark();
  expect(await ask(alone, [await evil.grant("gateway", alone, "AUTO+")])).toBe("signature.missing");
  const lower = mark();
  expect(await ask(lower, [await evil.grant("gateway", lower, "AUTO")])).toMatch(/tier\.raised|signature\.missing/);
  const twice = mark();
  expect(
    await ask(twice, [await evil.grant("gateway", twice, "AUTO+"), await evil.grant("gateway", twice, "AUTO+")]),
  ).toBe("grant.invalid");
  nothingHappened();
});

test("a taken-over gateway gets no signature from the watchdog for a call that policy denies or a person must decide (S2, S3)", async () => {
  const gateway = await rt.as("gateway");
  const review = async (action: Action, tier: "AUTO+" | "CONFIRM") => {
    const lease = await evil.lease("tasks", { task: action.task, agent: action.agent });
    return outcome(gateway.request("review", { action, grant: await evil.grant("gateway", action, tier), lease }));
  };
  expect(await review(send(), "AUTO+")).toBe("approval.required");
  expect(await review(send(), "CONFIRM")).toBe("approval.required");
  expect(
    await review(
      evil.action(
        "payments-transfer",
        { iban: "DE02120300000000202051", cents: 1, currency: "EUR", reference: "x" },
        { agent: "finance" },
      ),
      "AUTO+",
    ),
  ).toMatch(/tier\.block|args\.invalid/);
  expect(await review(evil.action("mark", { word: "x" }, { agent: "finance" }), "AUTO+")).toBe("tool.undeclared");
  expect(await review(evil.action("mark", { word: "x", extra: 1 }), "AUTO+")).toBe("args.invalid");
  nothingHappened();
});

test("gateway and watchdog together still cannot send what a person must approve (S3)", async () => {
  const gateway = await rt.as("gateway");
  const action = send();
  const grants = [await evil.grant("gateway", action, "CONFIRM"), await evil.grant("watchdog", action, "CONFIRM")];
  const ask = (extra: object) =>
    outcome(gateway.request("exec", { action, grants, ...extra }, { values: { toolset: "mail" } }));
  expect(await ask({})).toBe("signature.missing");
  const terms = evil.terms(action);
  for (const signer of ["proposals", "gateway", "watchdog", "operator-bob"]) {
    expect(await ask({ approval: { terms, decisions: [await evil.decision(signer, terms)] } })).toBe(
      "approval.invalid",
    );
    expect(await ask({ approval: { terms, decisions: [await evil.decision(signer, terms, "operator-ana")] } })).toBe(
      "approval.invalid",
    );
  }
  nothingHappened();
});

verifies("PROP-07", "an approval for one call releases no other (S3)", async () => {
  const gateway = await rt.as("gateway");
  const [approved, other] = [
    evil.action("mail-send", { to: ["friend@example.org"], subject: "hi", text: "hi" }),
    send(),
  ];
  const terms = evil.terms(approved);
  const decision = await evil.decision("operator-ana", terms);
  const grants = [await evil.grant("gateway", other, "CONFIRM"), await evil.grant("watchdog", other, "CONFIRM")];
  const swapped = { terms: { ...terms, action: evil.terms(other).action }, decisions: [decision] };
  for (const approval of [{ terms, decisions: [decision] }, swapped]) {
    expect(
      await outcome(gateway.request("exec", { action: other, grants, approval }, { values: { toolset: "mail" } })),
    ).toBe("approval.invalid");
  }
  nothingHappened();
});

verifies("PROP-03", "arguments that differ from those that were signed are refused by the executor (S3)", async () => {
  const gateway = await rt.as("gateway");
  const action = mark();
  const grants = [await evil.grant("gateway", action, "AUTO+"), await evil.grant("watchdog", action, "AUTO+")];
  const changed = { ...action, args: { word: "changed" } };
  expect(await outcome(gateway.request("exec", { action: changed, grants }, { values: { toolset: "local" } }))).toBe(
    "digest.mismatch",
  );
  nothingHappened();
});

test("a taken-over proposals service can release nothing that no operator signed (S3)", async () => {
  const proposals = await rt.as("proposals");
  const action = send();
  const lease = await evil.lease("tasks", { task: action.task });
  const terms = evil.terms(action);
  for (const signer of ["proposals", "operator-bob"]) {
    const approval = { terms, decisions: [await evil.decision(signer, terms)] };
    expect(await outcome(proposals.request("release", { purpose: "run", action, lease, approval }))).toBe(
      "approval.invalid",
    );
  }
  nothingHappened();
});

test("a genuine approval that the watchdog has not heard from the operator itself releases nothing (S2)", async () => {
  const proposals = await rt.as("proposals");
  const action = send();
  const lease = await evil.lease("tasks", { task: action.task });
  const terms = evil.terms(action);
  const approval = { terms, decisions: [await evil.decision("operator-ana", terms)] };
  expect(await outcome(proposals.request("release", { purpose: "run", action, lease, approval }))).toMatch(/pending/);
  nothingHappened();
});

verifies("ZT-02", "a taken-over host can speak for its own agent alone, and only with a lease (S8)", async () => {
  const host = await rt.as("host-inbox");
  const call = async (fields: {
    agent?: string;
    tool?: string;
    task?: string;
    lease: Envelope;
    args?: Action["args"];
  }) => {
    const { agent = "inbox", tool = "mark", task = "t-host", args = { word: "owned" }, lease } = fields;
    return outcome(
      host.request(
        "call",
        { callId: `${task}.0.0`, task, agent, tool, args, lease },
        { values: { agent, tool }, timeoutMs: 1_000 },
      ),
    );
  };
  expect(await call({ lease: await evil.lease("host-inbox", { task: "t-host" }) })).toBe("lease.invalid");
  const real = await evil.lease("tasks", { task: "t-other" });
  expect(await call({ lease: real })).toBe("lease.invalid");
  const old = await evil.lease("tasks", { task: "t-host", expiresAt: Date.now() - 1 });
  expect(await call({ lease: old })).toBe("lease.expired");
  const own = await evil.lease("tasks", { task: "t-host" });
  expect(await call({ lease: own, tool: "payments-transfer", args: {} })).toMatch(/tool\.undeclared|args\.invalid/);
  const foreign = await evil.lease("tasks", { task: "t-host", agent: "finance" });
  expect(await call({ lease: foreign, agent: "finance", tool: "books-create", args: {} })).toMatch(/^bus\./);
  nothingHappened();
});

verifies("TIER-10", "a lease with a stricter ceiling holds its calls to it", async () => {
  const host = await rt.as("host-inbox");
  const lease = await evil.lease("tasks", { task: "t-ceiling", ceiling: "BLOCK" });
  const asked = host.request(
    "call",
    { callId: "t-ceiling.0.0", task: "t-ceiling", agent: "inbox", tool: "mark", args: { word: "x" }, lease },
    { values: { agent: "inbox", tool: "mark" } },
  );
  expect(await outcome(asked)).toBe("tier.block");
  nothingHappened();
});

test("what a taken-over gateway and watchdog can do together is what the policy leaves to machines: an AUTO+ effect, once, and recorded", async () => {
  const gateway = await rt.as("gateway");
  const action = evil.action("mark", { word: "within-tier" });
  const grants = [await evil.grant("gateway", action, "AUTO+"), await evil.grant("watchdog", action, "AUTO+")];
  const ask = () => outcome(gateway.request("exec", { action, grants }, { values: { toolset: "local" } }));
  expect([await ask(), await ask()]).toEqual(["done", "done"]);
  expect((await readFile(join(rt.dir, "marks.txt"), "utf8")).trim().split("\n")).toHaveLength(1);
  await expect
    .poll(async () => (await rt.entries(action.callId)).map(({ event }) => event), { timeout: 10_000 })
    .toEqual(expect.arrayContaining(["effect.intent", "effect.done"]));
});
