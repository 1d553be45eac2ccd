import type { Bus, StreamMessage } from "@bulkhead/bus";
import { asBulkheadError } from "@bulkhead/core";
import type { AuditWriter, Logger } from "@bulkhead/service";
import { entryRejected } from "../events.ts";

export interface RejectParts {
  readonly bus: Bus;
  readonly audit: AuditWriter;
  readonly log: Logger;
}

const MAX_KEPT_BYTES = 64 * 1024;

export async function reject(message: StreamMessage<"audit">, error: unknown, parts: RejectParts): Promise<void> {
  const { code } = asBulkheadError(error);
  const data = Buffer.from(message.data.subarray(0, MAX_KEPT_BYTES)).toString("base64");
  await parts.bus.publish("dead", { code, subject: message.subject, data });
  await entryRejected(parts, { code, count: message.seq, subject: message.subject });
}
