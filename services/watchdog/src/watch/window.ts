import type { AuditEntry, Sighting } from "@bulkhead/schemas";

/** How far back detectors look. */
export const WINDOW_MS = 24 * 3_600_000;
const MAX_SIGHTINGS = 50_000;

const EVENTS = /^(call\.decided|review\.signed|proposal\..*|effect\..*)$/;

/** What is remembered of an audit entry; undefined if no detector looks at it. */
export function sightingOf(entry: AuditEntry): Sighting | undefined {
  if (!EVENTS.test(entry.event)) return undefined;
  const { agent, task, callId, tool, tier, digest, proposal, event, at } = entry;
  const effect = entry.causes.find((cause) => cause.startsWith("effect:"))?.slice("effect:".length);
  const fields = { agent, task, callId, tool, tier, digest, proposal, effect };
  const known = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
  return { id: `${entry.instance}:${entry.counter}`, event, at, ...known };
}

/** Everything that was seen within the last day, each entry once, in the order of time. */
export class SightingWindow {
  private all: Sighting[] = [];
  private readonly ids = new Set<string>();
  private sorted = true;

  add(seen: readonly Sighting[]): void {
    for (const one of seen) {
      if (this.ids.has(one.id)) continue;
      this.ids.add(one.id);
      this.sorted &&= one.at >= (this.all.at(-1)?.at ?? 0);
      this.all.push(one);
    }
  }

  view(now: number): readonly Sighting[] {
    if (!this.sorted) this.all.sort((a, b) => a.at - b.at);
    this.sorted = true;
    const over = Math.max(0, this.all.length - MAX_SIGHTINGS);
    const fresh = this.all.findIndex(({ at }) => at > now - WINDOW_MS);
    const drop = Math.max(over, fresh === -1 ? this.all.length : fresh);
    for (const { id } of this.all.slice(0, drop)) this.ids.delete(id);
    if (drop > 0) this.all = this.all.slice(drop);
    return this.all;
  }
}
