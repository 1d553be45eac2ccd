/**
 * Owns: the next place in the chain.
 * Does not own: whether an entry may enter (`handlers/record.ts`), the stream it came from.
 * Invariants: S6, AUD-11: `_id` is unique, so of two writers one fails, reads the head again and steps behind the other;
 * an append resolves only when its entry is durable; an entry that arrives twice is in the chain once.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { BulkheadError, type Clock } from "@bulkhead/core";
import type { LedgerDocument } from "@bulkhead/schemas";
import { type Arrival, documentAfter, type Head, isSame } from "./entry.ts";
import { type Entries, headOf } from "./read.ts";

interface Waiting {
  readonly arrival: Arrival;
  readonly done: PromiseWithResolvers<undefined>;
}

const MAX_BATCH = 128;
/** An entry that comes alone is written at once; those that follow it gather, since each write costs the same. */
const GATHER_MS = 25;
const STEP_BACK_MS = 20;

export class ChainWriter {
  readonly #entries: Entries;
  readonly #clock: Clock;
  readonly #queue: Waiting[] = [];
  #head: Head | undefined;
  /** Whether the chain may have grown without this writer. */
  #behind = true;
  #writing = false;

  constructor(entries: Entries, clock: Clock) {
    this.#entries = entries;
    this.#clock = clock;
  }

  /** @throws BulkheadError `store.unavailable`; `envelope.replayed` if the instance's counter stands for another entry */
  async append(arrival: Arrival): Promise<void> {
    const done = Promise.withResolvers<undefined>();
    this.#queue.push({ arrival, done });
    void this.#drain();
    await done.promise;
  }

  async #drain(): Promise<void> {
    if (this.#writing) return;
    this.#writing = true;
    while (this.#queue.length > 0) {
      await this.#flush(this.#queue.splice(0, MAX_BATCH));
      if (this.#queue.length < MAX_BATCH) await sleep(GATHER_MS);
    }
    this.#writing = false;
  }

  async #flush(batch: readonly Waiting[]): Promise<void> {
    let rest = batch;
    try {
      while (rest.length > 0) rest = await this.#write(rest);
    } catch (error) {
      this.#behind = true;
      for (const { done } of rest) done.reject(error);
    }
  }

  /** Writes what it can; gives back what must be tried again. */
  async #write(batch: readonly Waiting[]): Promise<readonly Waiting[]> {
    const documents = chained(await this.#end(), batch, this.#clock.now());
    const { inserted, conflict } = await this.#entries.insertAll(documents);
    const last = documents[inserted - 1];
    if (last !== undefined) this.#head = { seq: last._id, chain: last.chain };
    for (const { done } of batch.slice(0, inserted)) done.resolve(undefined);
    const [refused, ...after] = batch.slice(inserted);
    if (refused === undefined) return [];
    if (conflict?.includes("counter") === true) {
      await this.#settleRepeated(refused);
      return after;
    }
    this.#behind = true;
    await sleep(STEP_BACK_MS * (1 + Math.random()));
    return batch.slice(inserted);
  }

  async #end(): Promise<Head> {
    if (this.#head === undefined || this.#behind) this.#head = await headOf(this.#entries, this.#head);
    this.#behind = false;
    return this.#head;
  }

  async #settleRepeated({ arrival, done }: Waiting): Promise<void> {
    const { instance, counter } = arrival.body;
    const found = await this.#entries.findOne({ instance, counter });
    if (found !== undefined && isSame(found.envelope, arrival.envelope)) done.resolve(undefined);
    else done.reject(new BulkheadError("envelope.replayed", `(${instance} ${counter})`));
  }
}

function chained(head: Head, batch: readonly Waiting[], now: number): LedgerDocument[] {
  let at = head;
  return batch.map(({ arrival }) => {
    const document = documentAfter(at, arrival, now);
    at = { seq: document._id, chain: document.chain };
    return document;
  });
}
