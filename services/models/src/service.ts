import { type Clock, toWire } from "@bulkhead/core";
import type { LoadedPolicy } from "@bulkhead/policy";
import { DATABASES, type ModelCallDocument } from "@bulkhead/schemas";
import type { ControlReader, Logger, Runtime } from "@bulkhead/service";
import type { CollectionPort } from "@bulkhead/store";
import { type Accounts, accounts as dayAccounts } from "./budget/accounts.ts";
import { type Projection, projection as project } from "./budget/project.ts";
import { type Answers, answerStore } from "./call/answer.ts";
import type { Attempted } from "./call/attempt.ts";
import { type Book, callBook } from "./call/book.ts";
import type { ModelsConfig } from "./config.ts";
import { type Recorder, recorder } from "./events.ts";
import { model } from "./handlers/model.ts";
import { query } from "./handlers/query.ts";
import { openProviders, type Providers } from "./providers.ts";
import { keepSweeping, sweepAbandoned } from "./sweep.ts";

export interface ModelsParts {
  readonly policy: LoadedPolicy;
  readonly providers: Providers;
  readonly accounts: Accounts;
  readonly calls: CollectionPort<ModelCallDocument>;
  readonly book: Book;
  readonly answers: Answers;
  readonly recorder: Recorder;
  readonly projection: Projection;
  readonly control: ControlReader;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Attempts of this process, by call id. */
  readonly running: Map<string, Promise<Attempted | undefined>>;
}

export async function startModels(runtime: Runtime<ModelsConfig>): Promise<void> {
  const { bus, policy, config, signal } = runtime;
  const providers = await openProviders(policy.policy, config);
  const parts = await partsOf(runtime, providers);
  await sweepAbandoned(parts);
  bus.serve("model", (request) => model(request, parts));
  bus.serve("queryModels", (request) => query(request, parts));
  keepSweeping(parts, signal);
}

async function partsOf(runtime: Runtime<ModelsConfig>, providers: Providers): Promise<ModelsParts> {
  const { bus, clock, log, control, policy, signal, instance } = runtime;
  const store = await runtime.openStore();
  await store.checkIndexes(Object.values(DATABASES.models));
  const calls = store.collection(DATABASES.models.calls);
  const accounts = dayAccounts(store.collection(DATABASES.models.budgets), policy.policy);
  const told = recorder(runtime);
  const book = callBook({ calls, accounts, clock, owner: instance, retentionMs: policy.policy.retention.taskMs });
  const projection = runtime.own(
    await project({
      ...{ accounts, clock, bucket: bus.bucket("control"), agents: Object.keys(policy.policy.agents) },
      sign: (type, body) => runtime.sign(type, body),
      changed: (agent, exhausted) => told.budget(agent, exhausted),
      failed: (error) => {
        log.warn(toWire(error), "budget not told");
      },
    }),
  );
  const running: ModelsParts["running"] = new Map();
  runtime.own({
    [Symbol.asyncDispose]: async () => {
      await Promise.allSettled(running.values());
    },
  });
  const answers = answerStore(bus, clock);
  return {
    policy,
    providers,
    accounts,
    calls,
    book,
    answers,
    recorder: told,
    projection,
    control,
    clock,
    log,
    signal,
    running,
  };
}
