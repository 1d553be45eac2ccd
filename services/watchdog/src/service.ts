import { canAct, loadRules } from "@bulkhead/policy";
import { DATABASES } from "@bulkhead/schemas";
import { followPresence, type Runtime } from "@bulkhead/service";
import { startBeat } from "./beat.ts";
import type { WatchdogConfig } from "./config.ts";
import { decision } from "./handlers/decision.ts";
import { review } from "./handlers/review.ts";
import { validate } from "./handlers/validate.ts";
import type { Watchdog } from "./port.ts";
import { startWatch } from "./watch/watch.ts";

export async function startWatchdog(runtime: Runtime<WatchdogConfig>): Promise<void> {
  const store = await runtime.openStore();
  await store.checkIndexes(Object.values(DATABASES.watchdog));
  const watchdog: Watchdog = {
    ...runtime,
    rules: loadRules(runtime.policy.policy),
    accounts: store.collection(DATABASES.watchdog.accounts),
    sightings: store.collection(DATABASES.watchdog.sightings),
    anomalies: store.collection(DATABASES.watchdog.anomalies),
    decisions: store.collection(DATABASES.watchdog.decisions),
    validated: store.collection(DATABASES.watchdog.validated),
    presence: followPresence({
      ...runtime,
      documents: store.collection(DATABASES.watchdog.presence),
      present: () => canAct(runtime.control.view()),
    }),
  };
  runtime.bus.consume("decision", (message) => decision(watchdog, message));
  runtime.bus.serve("validate", (request) => validate(watchdog, request));
  runtime.bus.serve("review", (request) => review(watchdog, request));
  startBeat(watchdog);
  await startWatch(watchdog, runtime.config.watch);
}
