/** How long a stop takes until the last enforcement point says that it obeys, and until the gate is seen to be closed. */
import { setTimeout as sleep } from "node:timers/promises";
import { isBulkheadError, newId, sign } from "@bulkhead/core";
import { changeControl, stopped } from "../packages/cli/src/control/change.ts";
import { RollCall } from "../packages/cli/src/control/roll-call.ts";
import { COMPANY_YAML } from "../test/harness/company.ts";
import { startRuntime, type TestRuntime } from "../test/harness/runtime.ts";

const WITHIN_MS = 10_000;

/** Boots so many agents, each with a host of its own, and stops everything. */
export async function measureStop(say: (line: string) => void, agents: number) {
  await using rt = await startRuntime({ yaml: yamlWith(agents) });
  const { services, database } = rt.constellation;
  say(`${services.length} services run; stopping them`);
  const roll = new RollCall(rt.ana);
  await roll.listened();
  const ask = await asking(rt);
  await untilCode(ask, "done");
  const id = newId("s");
  const one = { id, scope: { kind: "all" as const }, reason: "a benchmark", at: Date.now() };
  const from = performance.now();
  await changeControl(rt.ana, "stop", (before) => stopped(before, one));
  const closed = untilCode(ask, "control.stopped").then(() => Math.round(performance.now() - from));
  const answers = roll.answers(from, {
    obeys: ({ stops }) => stops.includes(id),
    instances: roll.instances,
    withinMs: WITHIN_MS,
  });
  const [firstRefusalMs, { acknowledged, missing }] = await Promise.all([closed, answers]);
  const slowest = acknowledged.toSorted((a, b) => b.ms - a.ms).slice(0, 3);
  return {
    stop: {
      maxMs: Math.max(firstRefusalMs, ...acknowledged.map(({ ms }) => ms)),
      points: acknowledged.length + missing.length,
      unacknowledged: missing.length,
      agents,
      firstRefusalMs,
      slowest: slowest.map(({ identity, ms }) => ({ identity, ms })),
      ...(missing.length > 0 && { missing: missing.slice(0, 5) }),
    },
    database,
  };
}

/** The company with as many agents that can mark a word. */
function yamlWith(agents: number): string {
  const names = Array.from({ length: Math.max(0, agents - 2) }, (_, i) => `a${i + 1}`);
  const extra = names.map(
    (name) => `  ${name}:\n    purpose: A benchmark.\n    tools: { mark: AUTO+ }\n    daily: 0.01\n`,
  );
  return COMPANY_YAML.replace("connections:", `${extra.join("")}connections:`);
}

type Ask = () => Promise<string>;

/** Asks the gateway for an effect as a host does; the reply's status, or the code of its refusal. */
async function asking(rt: TestRuntime): Promise<Ask> {
  const [host, { key }] = [await rt.as("host-inbox"), await rt.keys("tasks")];
  return async () => {
    const task = newId("t");
    const terms = { v: 1, agent: "inbox", task, epoch: 1, expiresAt: Date.now() + 60_000 };
    const more = { textDigest: `sha256:${"0".repeat(64)}`, principal: "operator-ana", ceiling: "AUTO", depth: 0 };
    const lease = sign(key, "tasks", "lease", { ...terms, ...more });
    const call = { callId: `${task}.0.0`, task, agent: "inbox", tool: "mark", args: { word: "bench" }, lease };
    try {
      const reply = await host.request("call", call, { values: { agent: "inbox", tool: "mark" } });
      return reply.status === "refused" ? reply.code : reply.status;
    } catch (error) {
      return isBulkheadError(error) ? error.code : "";
    }
  };
}

async function untilCode(ask: Ask, wanted: string): Promise<void> {
  const deadline = performance.now() + WITHIN_MS;
  let code = "";
  while (performance.now() < deadline) {
    code = await ask();
    if (code === wanted) return;
    await sleep(10);
  }
  throw new Error(`waited for ${wanted}, and it is ${code}`);
}
