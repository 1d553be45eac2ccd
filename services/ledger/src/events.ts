import type { Clock, ErrorCode } from "@bulkhead/core";
import type { AuditWriter, Logger } from "@bulkhead/service";
import type { Gap } from "./chain/counters.ts";

interface Parts {
  readonly audit: AuditWriter;
  readonly log: Logger;
}

export async function entryRejected(
  { audit, log }: Parts,
  { code, count, subject }: { code: ErrorCode; count: number; subject: string },
): Promise<void> {
  log.warn({ code, subject, streamSeq: count }, "audit entry rejected");
  const forged = code.startsWith("envelope.");
  const event = code === "envelope.replayed" ? "security.conflict" : forged ? "security.forged" : "ledger.rejected";
  await audit.record(event, { code, count });
}

export async function gapFound({ audit, log }: Parts, { instance, counter }: Gap): Promise<void> {
  log.error({ instance, counter }, "an audit entry is missing");
  await audit.record("ledger.gap", { code: "audit.gap", count: counter, causes: [`entry:${instance}:${counter}`] });
}

const ASKED_AGAIN_MS = 60_000;

/** Once a minute for each operator and kind: else a follower would be shown little but its own questions. */
export async function queryAnswered(
  { audit, log, clock, asked }: Parts & { readonly clock: Clock; readonly asked: Map<string, number> },
  operator: string,
  kind: string,
): Promise<void> {
  const key = `${operator} ${kind}`;
  if (clock.now() - (asked.get(key) ?? 0) < ASKED_AGAIN_MS) return;
  asked.set(key, clock.now());
  log.info({ operator, kind }, "query answered");
  await audit.record("query.answered", { operator, state: kind });
}
