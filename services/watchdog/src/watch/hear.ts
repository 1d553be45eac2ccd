import type { StreamMessage } from "@bulkhead/bus";
import { BulkheadError } from "@bulkhead/core";
import type { AuditEntry } from "@bulkhead/schemas";
import type { Watchdog } from "../port.ts";
import { ran } from "../rules/accounts.ts";
import { accountsOf } from "../rules/limits.ts";
import type { Sightings } from "./sightings.ts";
import { sightingOf } from "./window.ts";

/** Stream AUDIT: what every service records, verified here again; nobody's entry counts for another. */
export async function hearEntry(
  watchdog: Pick<Watchdog, "policy" | "accounts">,
  message: StreamMessage<"audit">,
  sightings: Sightings,
): Promise<void> {
  const { issuer, body, values } = message.open();
  const own = values["service"] === issuer && /^[0-9a-f]{8}$/.test(body.instance.slice(issuer.length + 1));
  if (!own || !body.instance.startsWith(`${issuer}-`)) throw new BulkheadError("envelope.issuer", `(${issuer})`);
  if (!mayRecord(issuer, body)) throw new BulkheadError("envelope.issuer", `(${issuer} records ${body.event})`);
  if (body.event === "effect.intent") await markRan(watchdog, body);
  const sighting = sightingOf(body);
  if (sighting !== undefined) await sightings.keep(sighting);
}

/** An effect is an executor's, a signature the watchdog's, a decision the gateway's, a proposal's course that of proposals. */
function mayRecord(issuer: string, { event }: AuditEntry): boolean {
  const [kind] = event.split(".");
  if (kind === "effect") return issuer.startsWith("exec-");
  return issuer === ({ review: "watchdog", call: "gateway", proposal: "proposals" }[kind ?? ""] ?? issuer);
}

async function markRan(watchdog: Pick<Watchdog, "policy" | "accounts">, { tool, agent, callId }: AuditEntry) {
  if (tool === undefined || agent === undefined || callId === undefined) return;
  for (const { account } of accountsOf(watchdog, { tool, agent })) await ran(watchdog.accounts, account, callId);
}
