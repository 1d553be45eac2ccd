/**
 * Owns: what all replicas of the watchdog have seen, in one place: each writes what the stream gave it, and reads what the others wrote.
 * Does not own: what is anomalous (the detectors).
 * Invariants: `keep` resolves when the entry is stored, so that an entry whose replica dies is delivered to another.
 */
import type { Clock } from "@bulkhead/core";
import type { Sighting, SightingsDocument } from "@bulkhead/schemas";
import { type CollectionPort, gt } from "@bulkhead/store";
import { SightingWindow, WINDOW_MS } from "./window.ts";

const MAX_BATCH = 512;
const GATHER_MS = 200;
/** Replicas' clocks differ, and a document may become visible late. */
const OVERLAP_MS = 10_000;
const MAX_DOCUMENTS = 20_000;

interface Waiting {
  readonly sighting: Sighting;
  readonly done: PromiseWithResolvers<undefined>;
}

export interface SightingsPort {
  readonly documents: CollectionPort<SightingsDocument>;
  readonly instance: string;
  readonly clock: Clock;
}

export class Sightings {
  readonly window = new SightingWindow();
  private readonly port: SightingsPort;
  private queue: Waiting[] = [];
  private flushing = false;
  private count = 0;
  private readTo: number;

  constructor(port: SightingsPort) {
    this.port = port;
    this.readTo = port.clock.now() - WINDOW_MS;
  }

  /** @throws BulkheadError `store.unavailable` */
  async keep(sighting: Sighting): Promise<void> {
    const done = Promise.withResolvers<undefined>();
    this.queue.push({ sighting, done });
    void this.flush();
    await done.promise;
  }

  /** Takes over what others have seen since the last time; at first, all that is in the window. */
  async refresh(): Promise<void> {
    const now = this.port.clock.now();
    const options = { sort: { at: 1 as const }, limit: MAX_DOCUMENTS };
    const found = await this.port.documents.find({ at: gt(this.readTo) }, options);
    for (const { seen } of found) this.window.add(seen);
    this.readTo = now - OVERLAP_MS;
  }

  private async flush(): Promise<void> {
    if (this.flushing) return;
    this.flushing = true;
    while (this.queue.length > 0) {
      await new Promise((resolve) => setTimeout(resolve, GATHER_MS));
      const batch = this.queue.splice(0, MAX_BATCH);
      await this.write(batch).then(
        () => {
          for (const { done } of batch) done.resolve(undefined);
        },
        (error: unknown) => {
          for (const { done } of batch) done.reject(error);
        },
      );
    }
    this.flushing = false;
  }

  private async write(batch: readonly Waiting[]): Promise<void> {
    const { documents, instance, clock } = this.port;
    this.count += 1;
    const [at, seen] = [clock.now(), batch.map(({ sighting }) => sighting)];
    const own = { _id: `${instance}.${this.count}`, by: instance, at, expires: new Date(at + WINDOW_MS) };
    await documents.insert({ ...own, seen });
    this.window.add(seen);
  }
}
