import { DATABASES } from "@bulkhead/schemas";
import type { Runtime } from "@bulkhead/service";
import { accounts } from "./budget/accounts.ts";
import { projectBudgets } from "./budget/project.ts";
import { providers } from "./call/provider.ts";
import type { ModelsConfig } from "./config.ts";
import { recorder } from "./events.ts";
import { model } from "./handlers/model.ts";
import { query } from "./handlers/query.ts";
import type { Models } from "./port.ts";

export async function startModels(runtime: Runtime<ModelsConfig>): Promise<void> {
  const { bus, policy, control, clock, log, instance, signal, config } = runtime;
  const store = await runtime.openStore();
  await store.checkIndexes(Object.values(DATABASES.models));
  const calls = store.collection(DATABASES.models.calls);
  const own = accounts({
    budgets: store.collection(DATABASES.models.budgets),
    policy: policy.policy,
    clock,
    changed: projectBudgets(runtime),
  });
  const provider = await providers(policy, config, log);
  const models: Models = {
    bus,
    policy,
    control,
    clock,
    log,
    instance,
    signal,
    calls,
    accounts: own,
    record: recorder(runtime),
    running: new Map(),
    provider,
  };
  await own.open();
  bus.serve("model", (request) => model(models, request));
  bus.serve("queryModels", (request) => query(models, request));
}
