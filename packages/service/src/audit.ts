/**
 * Owns: one instance's audit entries: their gapless counter, their signature, and that each is acknowledged by the stream.
 * Does not own: the sequence and the chain (the ledger), what is recorded (the caller).
 * Invariants: S1: `record` resolves only after the PubAck, so whoever awaits it before an effect has a durable record.
 * A counter once given is published until it is acknowledged or the process ends, so a gap means a lost instance or a liar.
 */
import { BulkheadError, type Clock, newId } from "@bulkhead/core";
import type { AuditEntry, AuditEvent } from "@bulkhead/schemas";

/** The fields of an entry that its caller chooses. */
export type AuditFields = Omit<AuditEntry, "v" | "event" | "instance" | "counter" | "at" | "causes"> & {
  readonly causes?: readonly string[];
};

/** Records what happens. There is no way to turn it off. */
export interface AuditWriter {
  /** Resolves when the entry is durable. @throws BulkheadError `audit.unavailable` when it is not within the deadline */
  record(event: AuditEvent, fields: AuditFields): Promise<void>;
}

/** What an audit writer needs. `publish` resolves with the stream's acknowledgement and rejects otherwise. */
export interface AuditPort {
  readonly instance: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Signs and publishes; may be asked again with the same entry and id. */
  publish(entry: AuditEntry, id: string): Promise<void>;
}

const DEADLINE_MS = 4_000;
const RETRY_MS = 200;
const MAX_WAITING = 10_000;

/** An audit writer for one process instance. */
export function auditWriter(port: AuditPort): AuditWriter {
  let counter = 0;
  let waiting = 0;

  const deliver = async (entry: AuditEntry, id: string): Promise<void> => {
    while (!port.signal.aborted) {
      try {
        await port.publish(entry, id);
        return;
      } catch {
        await sleep(RETRY_MS, port.signal);
      }
    }
    throw new BulkheadError("audit.unavailable");
  };

  return {
    record: async (event, fields) => {
      if (waiting >= MAX_WAITING) throw new BulkheadError("audit.unavailable", "(too many entries wait)");
      counter += 1;
      waiting += 1;
      const entry: AuditEntry = {
        v: 1,
        event,
        instance: port.instance,
        counter,
        at: port.clock.now(),
        ...fields,
        causes: [...(fields.causes ?? [])],
      };
      const delivered = deliver(entry, newId("a")).finally(() => (waiting -= 1));
      await withDeadline(delivered);
    },
  };
}

async function withDeadline(delivered: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new BulkheadError("audit.unavailable"));
    }, DEADLINE_MS);
  });
  delivered.catch(() => undefined);
  await Promise.race([delivered, late]).finally(() => {
    clearTimeout(timer);
  });
}

async function sleep(durationMs: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(done, durationMs);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
    signal.addEventListener("abort", done, { once: true });
  });
}
