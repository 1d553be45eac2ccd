import { BulkheadError, toWire } from "@bulkhead/core";
import { DATABASES } from "@bulkhead/schemas";
import type { Runtime } from "@bulkhead/service";
import { claimStore } from "./claims.ts";
import type { ExecutorConfig } from "./config.ts";
import { contentPort } from "./content.ts";
import { credentialBox } from "./credentials.ts";
import { effects } from "./effect/effect.ts";
import { sweepUnrecorded, sweepUnsettled } from "./effect/sweep.ts";
import { events } from "./events.ts";
import { execHandler } from "./handlers/exec.ts";
import type { Parts } from "./parts.ts";
import { reads } from "./read.ts";
import { recordPort } from "./records.ts";
import { loadToolset } from "./toolset/load.ts";

const SWEEP_MS = 10_000;

export async function createExecutor(runtime: Runtime<ExecutorConfig>): Promise<void> {
  const { bus, config, policy } = runtime;
  const toolset = policy.policy.toolsets[runtime.identity.slice("exec-".length)];
  if (!runtime.identity.startsWith("exec-") || toolset === undefined)
    throw new BulkheadError("config.invalid", `(the policy has no tool set for ${runtime.identity})`);
  const store = await runtime.openStore();
  await store.checkIndexes(Object.values(DATABASES.exec));
  const credentials = credentialBox(config.credentialsDir, toolset.credentials);
  await credentials.check((credential) => {
    runtime.log.warn({ credential }, "credential missing");
  });
  const refused = (tool: string, code: string): void => {
    runtime.log.error({ tool, code }, "tool refused");
  };
  const tools = await loadToolset({ policy, toolset, config, refused });
  const parts: Parts = {
    ...{ runtime, credentials, events: events(runtime), content: contentPort(runtime) },
    claims: claimStore(store.collection(DATABASES.exec.claims)),
    records: recordPort(store.collection(DATABASES.exec.records), runtime.clock),
  };
  bus.serve("exec", execHandler({ ...parts, tools, effects: effects(parts), reads: reads(parts) }));
  keepSweeping(parts);
}

function keepSweeping(parts: Parts): void {
  const { runtime } = parts;
  const sweep = (): void => {
    sweepUnsettled(parts)
      .then(() => sweepUnrecorded(parts))
      .catch((error: unknown) => {
        runtime.log.warn(toWire(error), "sweep");
      });
  };
  const sweeping = setInterval(sweep, SWEEP_MS);
  sweep();
  runtime.own({
    [Symbol.asyncDispose]: () => {
      clearInterval(sweeping);
      return Promise.resolve();
    },
  });
}
