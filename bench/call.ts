/**
 * What a governed call costs, beside the bare operations on the same servers in the same run. JSON on standard output.
 * The whole constellation runs; figures at concurrency 1 and 32; ratios of p50 to a bare request.
 */
import { sign } from "@bulkhead/core";
import { actionDigest, decide } from "@bulkhead/policy";
import type { Action, Grant, Lease } from "@bulkhead/schemas";
import { startRuntime, type TestRuntime } from "../test/harness/runtime.ts";
import { bareOperations } from "./bare.ts";
import { type Figures, measure, round } from "./measure.ts";

const BOUNDS = { durationMs: 4_000, operations: 4_000 };
const TASK = "t-bench";

await using rt = await startRuntime();
await using bare = await bareOperations(rt);
const host = await rt.as("host-inbox");
const gateway = await rt.as("gateway");
const [tasksKey, gatewayKey] = [(await rt.keys("tasks")).key, (await rt.keys("gateway")).key];
const lease = sign(tasksKey, "tasks", "lease", leaseBody());
let step = 0;

const results: Record<string, Figures> = {
  bare: await measure(bare.request, BOUNDS),
  bareUpdate: await measure(bare.update, BOUNDS),
  auto: await measure(() => call("ping", { n: step }), BOUNDS),
  decision: await measure(bothDecisions, BOUNDS),
  autoPlus: await measure(() => call("mark", { word: `bench-${step}` }), BOUNDS),
};
const p50 = results["bare"]?.p50Ms ?? Number.NaN;
const ratioP50 = Object.fromEntries(
  Object.entries(results).map(([name, figures]) => [name, round(figures.p50Ms / p50)]),
);
console.log(
  JSON.stringify(
    { ...results, ratioP50, whereTheTimeGoes: await breakdown(rt), database: rt.constellation.database },
    null,
    2,
  ),
);

async function call(tool: "ping" | "mark", args: Action["args"]): Promise<void> {
  const callId = `${TASK}.${step++}.0`;
  const request = { callId, task: TASK, agent: "inbox", tool, args, lease };
  for (;;) {
    const reply = await host.request("call", request, { values: { agent: "inbox", tool }, attempts: 5 });
    if (reply.status === "done") return;
    if (reply.status !== "pending") throw new Error(`${tool}: ${JSON.stringify(reply)}`);
  }
}

/** What the gateway does for an effect before it asks the executor: its own decision, its signature, and the watchdog's. */
async function bothDecisions(): Promise<void> {
  const action = actionOf("mark", { word: "bench" });
  const { policy } = rt.constellation;
  const control = { fresh: true, values: new Map() };
  const facts = { policy, labels: [], control, now: Date.now(), approved: false, released: false };
  const verdict = decide({ agent: "inbox", tool: "mark", ceiling: "AUTO" }, facts);
  if (verdict.outcome !== "allow") throw new Error(verdict.outcome);
  await gateway.request("review", { action, grant: sign(gatewayKey, "gateway", "grant", grantOf(action)), lease });
}

/** The parts of a governed call, each measured alone. */
async function breakdown(runtime: TestRuntime): Promise<Record<string, number>> {
  const short = { durationMs: 1_000, operations: 500 };
  const tasks = await runtime.as("tasks");
  const provenance = { origin: "tool" as const, at: Date.now() };
  const put = { kind: "put" as const, task: TASK, about: "result" as const, text: "{}", labels: [], provenance };
  const exec = await runtime.as("exec-local");
  const { key } = await runtime.keys("exec-local");
  const p50Of = async (operation: () => Promise<unknown>): Promise<number> => (await measure(operation, short)).p50Ms;
  return {
    signatureMs: await p50Of(() => Promise.resolve(sign(key, "exec-local", "grant", grantOf(actionOf("mark", {}))))),
    labelReadMs: await p50Of(() => tasks.bucket("labels").get(`${TASK}.A`)),
    contentPutMs: await p50Of(() => exec.request("content", put)),
    databaseInsertMs: await p50Of(bare.insert),
    databaseUpdateMs: results["bareUpdate"]?.p50Ms ?? Number.NaN,
  };
}

function actionOf(tool: string, args: Action["args"]): Action {
  const { policy } = rt.constellation;
  const toolHash = policy.tool(tool)?.hash ?? "";
  return {
    v: 1,
    agent: "inbox",
    principal: "operator-ana",
    task: TASK,
    callId: `${TASK}.${step++}.0`,
    tool,
    toolHash,
    args,
    policyEpoch: policy.epoch,
  };
}

function grantOf(action: Action): Grant {
  const { agent, task, callId, tool, policyEpoch } = action;
  const now = Date.now();
  return {
    v: 1,
    action: actionDigest(action),
    agent,
    task,
    callId,
    tool,
    tier: "AUTO+",
    labels: [],
    policyEpoch,
    notBefore: now,
    expiresAt: now + 60_000,
  };
}

function leaseBody(): Lease {
  const expiresAt = Date.now() + 600_000;
  return {
    v: 1,
    agent: "inbox",
    task: TASK,
    epoch: 1,
    expiresAt,
    textDigest: `sha256:${"0".repeat(64)}`,
    principal: "operator-ana",
    ceiling: "AUTO",
    depth: 0,
  };
}
