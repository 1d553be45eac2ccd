import { BulkheadError } from "@bulkhead/core";
import type { Policy } from "@bulkhead/schemas";
import type { Runtime } from "@bulkhead/service";
import { workerBundle } from "./bundle.ts";
import type { AgentConfig } from "./config.ts";
import { Dispatcher } from "./dispatcher.ts";
import { WorkerPool } from "./pool.ts";
import type { HostPort } from "./ports.ts";
import { type Sandbox, strongestSandbox } from "./sandbox/detect.ts";

export async function startAgent(runtime: Runtime<AgentConfig>): Promise<void> {
  const { config, clock, log, audit } = runtime;
  const { agent, tools } = agentOf(runtime.policy.policy, config.agent);
  const [sandbox, bundle] = await Promise.all([
    strongestSandbox(config.cacheDir),
    workerBundle(config.cacheDir, config.worker),
  ]);
  judge(sandbox, runtime);
  const pool = runtime.own(new WorkerPool({ sandbox, bundle, warm: config.warm, clock }));
  const host: HostPort = { agent, tools, bus: runtime.bus, audit, control: runtime.control, clock, log };
  const concurrency = config.concurrency ?? agent.concurrency;
  runtime.own(new Dispatcher({ host, pool, concurrency, instance: runtime.instance, signal: runtime.signal }));
  await audit.record("agent.started", { agent: agent.name, state: sandbox.level.name });
}

function judge({ level }: Sandbox, { config, log }: Runtime<AgentConfig>): void {
  if (!level.weak) log.info({ sandbox: level.name, ownUser: level.ownUser }, "sandbox");
  else if (config.requireStrongSandbox)
    throw new BulkheadError("config.invalid", "(only the weak sandbox level is at hand; install bubblewrap)");
  else
    log.warn(
      { sandbox: level.name, doesNotStop: level.doesNotStop },
      "the sandbox is weak: install bubblewrap or allow user namespaces",
    );
}

/** What a worker is told of its tools. BLOCK is told as well: asking for it is answered, and recorded. */
function agentOf(policy: Policy, name: string) {
  const agent = policy.agents[name];
  if (agent === undefined) throw new BulkheadError("agent.unknown", name);
  const contracts = Object.keys(agent.tools).flatMap((tool) => policy.tools[tool] ?? []);
  return {
    agent,
    tools: contracts.map((tool) => ({ name: tool.name, description: tool.description, inputSchema: tool.inputSchema })),
  };
}
