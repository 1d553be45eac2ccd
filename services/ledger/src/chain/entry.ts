import { canonical, type Envelope } from "@bulkhead/core";
import type { AuditEntry, LedgerDocument, LedgerEntry } from "@bulkhead/schemas";
import { chainAfter, leafOf } from "./hashes.ts";

/** The end of the chain. */
export interface Head {
  readonly seq: number;
  readonly chain: string;
}

/** A verified entry that waits for its place. */
export interface Arrival {
  readonly envelope: Envelope;
  readonly body: AuditEntry;
  readonly streamSeq: number;
}

export function documentAfter(head: Head, arrival: Arrival, recordedAt: number): LedgerDocument {
  const { envelope, body, streamSeq } = arrival;
  const seq = head.seq + 1;
  const leaf = leafOf(seq, envelope);
  const chain = chainAfter(head.chain, leaf);
  return { _id: seq, chain, leaf, streamSeq, envelope, recordedAt, ...indexed(envelope.issuer, body) };
}

/** What is repeated outside the envelope, to be searched. `causes` holds everything that the entry names, its own ids too. */
export function indexed(issuer: string, body: AuditEntry) {
  const { instance, counter, event, task, callId, proposal, content } = body;
  const own = { task, call: callId, proposal, content };
  const named = Object.entries(own).flatMap(([kind, id]) => (id === undefined ? [] : [`${kind}:${id}`]));
  const causes = [...new Set([...named, ...body.causes, `entry:${instance}:${counter}`])];
  return {
    ...{ issuer, instance, counter, event, causes },
    ...(task !== undefined && { task }),
    ...(callId !== undefined && { callId }),
    ...(proposal !== undefined && { proposal }),
    ...(content !== undefined && { content }),
  };
}

/** The same entry published twice: its id and body are the same, only the time of signing may differ. */
export function isSame(a: Envelope, b: Envelope): boolean {
  return a.id === b.id && a.issuer === b.issuer && canonical(a.body) === canonical(b.body);
}

export function viewOf({ _id: seq, chain, leaf, issuer, envelope, recordedAt }: LedgerDocument): LedgerEntry {
  return { seq, chain, leaf, issuer, envelope, recordedAt };
}
