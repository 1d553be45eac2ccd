/**
 * Owns: which counters of an issuer's instance have not arrived. Entries may overtake one another, so a missing one is a gap
 * only after a grace period.
 * Invariants: a dropped audit entry is noticed by the one that follows it, also when the ledger was down in between.
 */
import type { Entries } from "./read.ts";

interface Instance {
  highest: number;
  /** Counter → when it was found missing. */
  readonly missing: Map<number, number>;
}

export interface Gap {
  readonly instance: string;
  readonly counter: number;
}

const MAX_INSTANCES = 4_096;
const MAX_MISSING = 1_024;
const MAX_READ = 100_000;

export class Counters {
  readonly #entries: Entries;
  readonly #instances = new Map<string, Promise<Instance>>();

  constructor(entries: Entries) {
    this.#entries = entries;
  }

  /** Called when the entry is recorded. */
  async arrived(instance: string, counter: number, now: number): Promise<void> {
    const known = await this.#instance(instance, now);
    known.missing.delete(counter);
    if (counter <= known.highest) return;
    note(known, counter, now);
  }

  /** Gaps that are older than the grace period, each once. */
  async overdue(before: number): Promise<Gap[]> {
    const gaps: Gap[] = [];
    for (const [instance, loading] of this.#instances) {
      const { missing } = await loading;
      for (const [counter, since] of missing) {
        if (since > before) continue;
        missing.delete(counter);
        gaps.push({ instance, counter });
      }
    }
    return gaps;
  }

  #instance(instance: string, now: number): Promise<Instance> {
    const found = this.#instances.get(instance);
    if (found !== undefined) return found;
    if (this.#instances.size >= MAX_INSTANCES) this.#instances.delete([...this.#instances.keys()][0] ?? "");
    const loading = this.#load(instance, now);
    this.#instances.set(instance, loading);
    loading.catch(() => this.#instances.delete(instance));
    return loading;
  }

  async #load(instance: string, now: number): Promise<Instance> {
    const loaded: Instance = { highest: 0, missing: new Map() };
    const [last] = await this.#entries.find({ instance }, { sort: { counter: -1 }, limit: 1 });
    if (last === undefined) return loaded;
    if ((await this.#entries.count({ instance })) === last.counter) return { ...loaded, highest: last.counter };
    const recorded = await this.#entries.find({ instance }, { sort: { counter: 1 }, limit: MAX_READ });
    for (const { counter } of recorded) note(loaded, counter, now);
    return loaded;
  }
}

function note(instance: Instance, counter: number, now: number): void {
  for (let n = instance.highest + 1; n < counter && instance.missing.size < MAX_MISSING; n++)
    instance.missing.set(n, now);
  instance.highest = counter;
}
