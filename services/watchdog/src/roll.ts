import type { Clock } from "@bulkhead/core";
import type { ServiceBeat } from "@bulkhead/schemas";

/** An instance that is silent for so long is taken for dead. */
const FORGET_MS = 30_000;
const MAX_INSTANCES = 4_096;

/** Which instances of all services run, or did a moment ago. */
export class Roll {
  private readonly seenAt = new Map<string, number>();
  private readonly clock: Clock;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  heard({ instance, ends }: ServiceBeat): void {
    if (ends) this.seenAt.delete(instance);
    else this.seenAt.set(instance, this.clock.monotonic());
  }

  call(): string[] {
    const since = this.clock.monotonic() - FORGET_MS;
    for (const [instance, at] of this.seenAt) if (at < since) this.seenAt.delete(instance);
    return [...this.seenAt.keys()].sort().slice(0, MAX_INSTANCES);
  }
}
