import { BulkheadError, newId, sign } from "@bulkhead/core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { eventually } from "../harness/eventually.ts";
import { startRuntime, type TestRuntime } from "../harness/runtime.ts";
import { type Attacker, attacker } from "../takeover/attacker.ts";
import { verifies } from "../verifies.ts";

let rt: TestRuntime;
let evil: Attacker;
beforeAll(async () => {
  rt = await startRuntime();
  evil = attacker(rt);
}, 120_000);
afterAll(() => rt[Symbol.asyncDispose]());

const codeOf = async (run: Promise<unknown>): Promise<string> => {
  const error: unknown = await run.then(
    () => new Error("it went through"),
    (reason: unknown) => reason,
  );
  return error instanceof BulkheadError ? error.code : String(error);
};

verifies("PROP-15", "with the watchdog's own keys nobody reaches an executor, the gateway or proposals", async () => {
  const bus = await rt.as("watchdog");
  const action = evil.action("mark", { word: "watchdog" });
  const grants = [await evil.grant("watchdog", action, "AUTO+")];
  const lease = await evil.lease("watchdog", { task: action.task });
  const terms = evil.terms(action);
  const approval = { terms, decisions: [await evil.decision("watchdog", terms)] };
  const tries = [
    bus.request("exec", { action, grants }, { values: { toolset: "local" } }),
    bus.request("release", { purpose: "run", action, lease, approval }),
    bus.request("withdraw", { task: action.task }),
    bus.publish(
      "decision",
      { v: 1, proposal: "p-1", digest: terms.action, action: terms.action, outcome: "approve" },
      { values: { operator: "ana" } },
    ),
    bus.publish("submit", { title: "x", text: "x" }, { values: { agent: "inbox" } }),
  ];
  const codes = await Promise.all(tries.map(codeOf));
  expect(new Set(codes)).toEqual(new Set(["bus.permission"]));
  expect(await rt.entries(action.callId)).toEqual([]);
});

verifies("PROP-15", "an approval that the watchdog signs is nobody's, whoever carries it", async () => {
  const action = evil.action("mail-send", { to: ["x@example.org"], subject: "x", text: "x" });
  const terms = evil.terms(action);
  const grants = [await evil.grant("watchdog", action, "CONFIRM"), await evil.grant("gateway", action, "CONFIRM")];
  const gateway = await rt.as("gateway");
  for (const issuer of ["watchdog", "operator-ana"]) {
    const approval = { terms, decisions: [await evil.decision("watchdog", terms, issuer)] };
    const reply = await gateway.request("exec", { action, grants, approval }, { values: { toolset: "mail" } });
    expect(reply.status).toBe("refused");
  }
  const single = evil.action("mark", { word: "alone" });
  const own = await evil.grant("watchdog", single, "AUTO+");
  const reply = await gateway.request("exec", { action: single, grants: [own] }, { values: { toolset: "local" } });
  expect(reply).toMatchObject({ status: "refused", code: "signature.missing" });
});

it("PROP-15: raw, it can publish no decision, no resume and no mode, and change no label", async () => {
  const nc = await rt.raw("watchdog");
  const { key } = await rt.keys("watchdog");
  const denied: string[] = [];
  void (async () => {
    for await (const status of nc.status()) if (status.type === "error") denied.push(String(status.error));
  })();
  const resume = sign(key, "operator-ana", "control", { kind: "stop", stops: [], lifts: [] });
  const subjects = [
    "bh.decision.operator-ana",
    "bh.decision.ana",
    "$KV.control.stop",
    "$KV.control.mode",
    "$KV.labels.t-1.A",
  ];
  for (const subject of subjects) nc.publish(subject, Buffer.from(JSON.stringify(resume)));
  await eventually(() => Promise.resolve(denied.length >= subjects.length || undefined));
  for (const subject of subjects) expect(denied.some((text) => text.includes(`"${subject}"`))).toBe(true);
});

it("PROP-15: what it may do: once it has quarantined a tool set, nothing of it runs", async () => {
  const bus = await rt.as("watchdog");
  const { key } = await rt.keys("watchdog");
  const value = sign(key, "watchdog", "control", { kind: "quarantine", scopes: [{ kind: "toolset", name: "local" }] });
  await bus.bucket("control").put("quarantine", Buffer.from(JSON.stringify(value)));
  const { task } = await rt.ana.submit("inbox", { title: newId("x"), text: "Mark the word hello." });
  const refused = await eventually(async () => {
    const found = (await rt.entries(task)).find(({ event, code }) => event === "call.refused" && code !== undefined);
    return found?.code;
  });
  expect(refused).toBe("control.quarantined");
});
