import { toWire } from "@bulkhead/core";
import type { AuditFields } from "@bulkhead/service";
import type { Watchdog } from "../port.ts";
import type { Anomaly } from "./anomaly.ts";
import { quarantine } from "./quarantine.ts";

const KEPT_MS = 7 * 24 * 3_600_000;

/** What reporting needs of a watchdog. */
export type Reporter = Pick<Watchdog, "anomalies" | "audit" | "bus" | "clock" | "control" | "log" | "sign">;

/** Reports what was not reported yet, by this or another replica. A quarantine comes first, and again if it was lost. */
export async function report(watchdog: Reporter, found: readonly Anomaly[], told: Set<string>): Promise<void> {
  for (const anomaly of found) {
    const id = `${anomaly.code}:${anomaly.key}`;
    if (told.has(id)) continue;
    try {
      if (anomaly.quarantine) await quarantine(watchdog, anomaly.quarantine);
      if (await first(watchdog, id)) await tell(watchdog, anomaly);
      told.add(id);
    } catch (error) {
      watchdog.log.error({ anomaly: id, ...toWire(error) }, "anomaly not reported");
    }
  }
}

/** Whether nobody has dealt with this before. */
export async function first({ anomalies, clock }: Reporter, id: string): Promise<boolean> {
  const at = clock.now();
  return (await anomalies.insert({ _id: id.slice(0, 300), at, expires: new Date(at + KEPT_MS) })).ok;
}

async function tell({ audit, log }: Reporter, { code, key, about, count, quarantine: scope }: Anomaly): Promise<void> {
  log[scope ? "error" : "warn"]({ code, key, ...about, count, quarantined: scope }, "anomaly");
  const { effect, task, callId, proposal, ...rest } = about;
  const causes = Object.entries({ effect, task, call: callId, proposal }).flatMap(([kind, id]) =>
    id === undefined ? [] : [`${kind}:${id}`],
  );
  const fields = { ...rest, ...(task && { task }), ...(callId && { callId }), ...(proposal && { proposal }) };
  const state = scope ? "quarantined" : key.slice(0, 40);
  await audit.record("watchdog.anomaly", {
    ...fields,
    code,
    causes,
    state,
    ...(count !== undefined && { count }),
  } satisfies AuditFields);
}
