import { DATABASES } from "@bulkhead/schemas";
import type { Runtime } from "@bulkhead/service";
import { startBeat } from "./beat.ts";
import type { WatchdogConfig } from "./config.ts";
import { decision } from "./handlers/decision.ts";
import { review } from "./handlers/review.ts";
import type { Watchdog } from "./port.ts";

export async function startWatchdog(runtime: Runtime<WatchdogConfig>): Promise<void> {
  const store = await runtime.openStore();
  await store.checkIndexes(Object.values(DATABASES.watchdog));
  const watchdog: Watchdog = { ...runtime, decisions: store.collection(DATABASES.watchdog.decisions) };
  runtime.bus.consume("decision", (message) => decision(watchdog, message));
  runtime.bus.serve("review", (request) => review(watchdog, request));
  startBeat(watchdog);
}
