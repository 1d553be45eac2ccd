import type { StreamMessage } from "@bulkhead/bus";
import { BulkheadError, type Clock } from "@bulkhead/core";
import type { Counters } from "../chain/counters.ts";
import type { ChainWriter } from "../chain/writer.ts";

export interface RecordParts {
  readonly writer: ChainWriter;
  readonly counters: Counters;
  readonly clock: Clock;
}

export async function record(message: StreamMessage<"audit">, { writer, counters, clock }: RecordParts): Promise<void> {
  const { issuer, body, envelope, values } = message.open();
  if (values["service"] !== issuer) throw new BulkheadError("envelope.issuer", `(${issuer} on ${message.subject})`);
  assertOwnInstance(issuer, body.instance);
  await writer.append({ envelope, body, streamSeq: message.seq });
  await counters.arrived(body.instance, body.counter, clock.now());
}

/** Nobody takes a place in another's count. */
function assertOwnInstance(issuer: string, instance: string): void {
  const own = instance.startsWith(`${issuer}-`) && /^[0-9a-f]{8}$/.test(instance.slice(issuer.length + 1));
  if (!own) throw new BulkheadError("envelope.issuer", `(${issuer} counts as ${instance})`);
}
