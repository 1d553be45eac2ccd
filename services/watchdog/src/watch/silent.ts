import type { ServiceBeat } from "@bulkhead/schemas";
import type { Anomaly } from "./anomaly.ts";

/** Hears every instance's beat, and tells who fell silent without saying that it ends. Each silence once. */
export class Beats {
  private readonly heardAt = new Map<string, number>();

  heard({ instance, ends }: ServiceBeat, now: number): void {
    if (ends) this.heardAt.delete(instance);
    else this.heardAt.set(instance, now);
  }

  /** Instances of which nothing was heard for `silentMs`. `now` is of the same clock as in `heard`. */
  silent(now: number, silentMs: number): readonly Anomaly[] {
    const gone = [...this.heardAt].filter(([, at]) => now - at > silentMs).map(([instance]) => instance);
    for (const instance of gone) this.heardAt.delete(instance);
    return gone.map((instance) => ({ code: "anomaly.silent", key: instance, about: {} }));
  }
}
