import type { AuditEntry, LedgerEntry } from "@bulkhead/schemas";
import type { OperatorClient } from "../client/operator-client.ts";

const PAGE = 1_000;

/** The entries that the ledger recorded since then (epoch ms), in order. */
export async function entriesSince(client: OperatorClient, since: number): Promise<AuditEntry[]> {
  const found: AuditEntry[] = [];
  for (let after = await lastBefore(client, since); ; ) {
    const { entries } = await client.ask({ kind: "ledger.tail", after, limit: PAGE });
    found.push(...entries.map(({ envelope }) => (envelope as { body: AuditEntry }).body));
    after = entries.at(-1)?.seq ?? after;
    if (entries.length < PAGE) return found;
  }
}

/** The sequence of the last entry before a time, by halving: the ledger answers forwards only. */
async function lastBefore(client: OperatorClient, since: number): Promise<number> {
  const isBefore = async (seq: number): Promise<boolean> => {
    const entry = await entryAt(client, seq);
    return entry !== undefined && entry.recordedAt < since;
  };
  let high = 1;
  while (await isBefore(high)) high *= 2;
  let low = Math.floor(high / 2);
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (await isBefore(middle)) low = middle;
    else high = middle;
  }
  return low;
}

async function entryAt(client: OperatorClient, seq: number): Promise<LedgerEntry | undefined> {
  const { entries } = await client.ask({ kind: "ledger.tail", after: seq - 1, limit: 1 });
  return entries[0];
}
