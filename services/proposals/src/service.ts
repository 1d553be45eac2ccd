import { canAct } from "@bulkhead/policy";
import { DATABASES } from "@bulkhead/schemas";
import { followPresence, type Runtime } from "@bulkhead/service";
import type { ProposalsConfig } from "./config.ts";
import { recorder } from "./events.ts";
import { decision } from "./handlers/decision.ts";
import { open } from "./handlers/open.ts";
import { query } from "./handlers/query.ts";
import { timer } from "./handlers/timer.ts";
import { withdraw } from "./handlers/withdraw.ts";
import type { Proposals } from "./port.ts";
import { effects } from "./proposal/effects.ts";
import { startSweep } from "./sweep.ts";

export async function startProposals(runtime: Runtime<ProposalsConfig>): Promise<void> {
  const { bus, policy, control, clock, log, signal } = runtime;
  const store = await runtime.openStore();
  await store.checkIndexes(Object.values(DATABASES.proposals));
  const documents = store.collection(DATABASES.proposals.proposals);
  const proposals: Proposals = {
    ...{ bus, policy, control, clock, log, signal, documents },
    record: recorder(runtime),
    effects,
    presence: followPresence({
      ...runtime,
      documents: store.collection(DATABASES.proposals.presence),
      present: () => canAct(control.view()),
    }),
    ...{ busy: new Map(), acknowledged: new Set<string>() },
  };
  bus.serve("open", (request) => open(proposals, request));
  bus.serve("withdraw", (request) => withdraw(proposals, request));
  bus.serve("queryProposals", (request) => query(proposals, request));
  bus.consume("decision", (message) => decision(proposals, message));
  bus.consume("timer", (message) => timer(proposals, message));
  startSweep(proposals);
}
