/**
 * Owns: walking the chain from its first entry, and naming the first one that is not as it was written.
 * Does not own: a checkpoint to compare the end with; so a truncated end is not seen here.
 */
import { BulkheadError, canonical, isBulkheadError, open } from "@bulkhead/core";
import { AuditEntry, type LedgerDocument } from "@bulkhead/schemas";
import { type Head, indexed } from "./entry.ts";
import { chainAfter, GENESIS, leafOf } from "./hashes.ts";
import { type Entries, isAnyAfter, readFrom } from "./read.ts";

export interface Verdict {
  readonly ok: boolean;
  /** Entries that are as they were written, from the first on. */
  readonly entries: number;
  readonly firstBad?: number;
  /** The chain after the last good entry. */
  readonly head: string;
}

const PATIENCE_MS = 1_500;
const KEPT_MS = 60_000;

export class Verifier {
  readonly #entries: Entries;
  readonly #keyOf: (issuer: string) => string | undefined;
  #walk: Promise<Verdict> | undefined;

  constructor(entries: Entries, keyOf: (issuer: string) => string | undefined) {
    this.#entries = entries;
    this.#keyOf = keyOf;
  }

  /** Joins the walk that is under way or starts one. @throws BulkheadError `call.pending` while it lasts: ask again */
  async verdict(): Promise<Verdict> {
    this.#walk ??= this.#begin();
    const walk = this.#walk;
    const late = Promise.withResolvers<undefined>();
    const timer = setTimeout(() => {
      late.resolve(undefined);
    }, PATIENCE_MS);
    try {
      const verdict = await Promise.race([walk, late.promise]);
      if (verdict === undefined) throw new BulkheadError("call.pending", "(verifying; ask again)");
      if (this.#walk === walk) this.#walk = undefined;
      return verdict;
    } finally {
      clearTimeout(timer);
    }
  }

  #begin(): Promise<Verdict> {
    const walk = this.walk();
    const forget = (): void => {
      if (this.#walk === walk) this.#walk = undefined;
    };
    walk.then(() => setTimeout(forget, KEPT_MS).unref(), forget);
    return walk;
  }

  async walk(): Promise<Verdict> {
    let head: Head = { seq: 0, chain: GENESIS };
    for (;;) {
      const page = await this.#page(head.seq);
      if (page === "unreadable") return bad(head);
      for (const entry of page) {
        if (!this.#follows(head, entry)) return bad(head);
        head = { seq: entry._id, chain: entry.chain };
      }
      if (page.length > 0) continue;
      if (!(await isAnyAfter(this.#entries, head.seq))) return { ok: true, entries: head.seq, head: head.chain };
      // What was appended between the two reads is no gap: a gap is still there when its number is asked for again.
      if ((await this.#page(head.seq)).length === 0) return bad(head);
    }
  }

  /** A page that holds an unreadable entry is read one by one. */
  async #page(after: number): Promise<LedgerDocument[] | "unreadable"> {
    for (const limit of [100, 1]) {
      try {
        return await readFrom(this.#entries, after + 1, limit);
      } catch (error) {
        if (!isBulkheadError(error, "store.document")) throw error;
      }
    }
    return "unreadable";
  }

  #follows(head: Head, entry: LedgerDocument): boolean {
    if (entry._id !== head.seq + 1) return false;
    try {
      const leaf = leafOf(entry._id, entry.envelope);
      return entry.leaf === leaf && entry.chain === chainAfter(head.chain, leaf) && this.#isAuthentic(entry);
    } catch {
      return false;
    }
  }

  /** The signature is its issuer's, and what is repeated for searching says the same. A key that the policy no longer has is not judged. */
  #isAuthentic({ envelope, issuer, ...entry }: LedgerDocument): boolean {
    if (this.#keyOf(issuer) !== undefined) open(envelope, { type: "audit", keyOf: this.#keyOf });
    const expected = indexed(envelope.issuer, AuditEntry.parse(envelope.body));
    const { instance, counter, event, causes, task, callId, proposal, content } = entry;
    const found = { issuer, instance, counter, event, causes };
    const ids = Object.entries({ task, callId, proposal, content }).filter(([, id]) => id !== undefined);
    return canonical({ ...found, ...Object.fromEntries(ids) }) === canonical(expected);
  }
}

function bad(head: Head): Verdict {
  return { ok: false, entries: head.seq, firstBad: head.seq + 1, head: head.chain };
}
