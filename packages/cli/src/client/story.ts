import { isBulkheadError } from "@bulkhead/core";
import type { LedgerEntry } from "@bulkhead/schemas";
import { readEntry } from "../output/entry.ts";
import type { OperatorClient } from "./operator-client.ts";

/** Everything that the record says about one thing, its causes and its consequences, in order; and the texts that still exist. */
export interface Story {
  readonly id: string;
  readonly entries: readonly LedgerEntry[];
  /** Content reference → its text. */
  readonly texts: ReadonlyMap<string, string>;
}

const LIMIT = 1_000;
const MAX_IDS = 200;
const MAX_TEXTS = 40;

/**
 * Walks the causes from one id: a task leads to its calls, a call to its task, an effect to the content that caused it.
 * Stops at what is about another task.
 */
export async function gatherStory(client: OperatorClient, id: string): Promise<Story> {
  const found = new Map<number, LedgerEntry>();
  const asked = new Set<string>();
  for (let next = [id]; next.length > 0 && asked.size < MAX_IDS; ) {
    for (const each of next) asked.add(each);
    const replies = await Promise.all(next.map((each) => client.ask({ kind: "ledger.about", id: each, limit: LIMIT })));
    for (const entry of replies.flatMap(({ entries }) => entries)) found.set(entry.seq, entry);
    next = [...new Set([...found.values()].flatMap(linked))].filter((each) => !asked.has(each)).slice(0, MAX_IDS);
  }
  const entries = [...found.values()].sort((a, b) => a.seq - b.seq);
  return { id, entries, texts: await textsOf(client, entries) };
}

/** The task that an entry belongs to says the rest: all its calls are found by it. */
function linked(entry: LedgerEntry): string[] {
  const read = readEntry(entry);
  return read?.task === undefined ? [] : [read.task];
}

async function textsOf(client: OperatorClient, entries: readonly LedgerEntry[]): Promise<Map<string, string>> {
  const refs = [...new Set(entries.flatMap((entry) => readEntry(entry)?.content ?? []))].slice(0, MAX_TEXTS);
  const texts = new Map<string, string>();
  for (const ref of refs) {
    const reply = await client.ask({ kind: "memory.show", ref }).catch((error: unknown) => {
      if (isBulkheadError(error)) return undefined;
      throw error;
    });
    if (reply !== undefined) texts.set(ref, reply.text);
  }
  return texts;
}
