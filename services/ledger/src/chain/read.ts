import type { LedgerDocument } from "@bulkhead/schemas";
import { type CollectionPort, gt, gte, oneOf } from "@bulkhead/store";
import type { Head } from "./entry.ts";
import { GENESIS } from "./hashes.ts";

export type Entries = CollectionPort<LedgerDocument>;

/** Entries that are asked for at a time: by number, since SecantusDB reads all entries for a range of numbers. */
const PAGE = 100;

/** The entries from `first` on, by number; fewer than `count` at the end, or where some are missing. */
export async function readFrom(entries: Entries, first: number, count = PAGE): Promise<LedgerDocument[]> {
  const found: LedgerDocument[] = [];
  for (let at = first; at < first + count; at += PAGE) {
    const size = Math.min(PAGE, first + count - at);
    const numbers = Array.from({ length: size }, (_, n) => at + n);
    const page = await entries.find({ _id: oneOf(numbers) }, { sort: { _id: 1 }, limit: size });
    found.push(...page);
    if (page.length < size) break;
  }
  return found;
}

/** Whether any entry has a higher number. */
export async function isAnyAfter(entries: Entries, seq: number): Promise<boolean> {
  return (await entries.count({ _id: gt(seq) })) > 0;
}

/** The end of the chain: found once, then followed from where it was. */
export async function headOf(entries: Entries, known?: Head): Promise<Head> {
  let last = known === undefined ? await newest(entries) : known;
  for (;;) {
    const found = (await readFrom(entries, last.seq + 1)).at(-1);
    if (found === undefined) return last;
    last = { seq: found._id, chain: found.chain };
  }
}

async function newest(entries: Entries): Promise<Head> {
  const [last] = await entries.find({ _id: gte(1) }, { sort: { _id: -1 }, limit: 1 });
  return last === undefined ? { seq: 0, chain: GENESIS } : { seq: last._id, chain: last.chain };
}
