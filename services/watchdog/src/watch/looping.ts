import type { Sighting } from "@bulkhead/schemas";
import type { Anomaly, Detector } from "./anomaly.ts";

const STOP_FACTOR = 10;

/** Agents that ask for the same thing within a task, tool and arguments alike, again and again. The same call asked again counts once. */
export const looping: Detector = ({ window, now, thresholds }) => {
  const { loopMs, loopCalls } = thresholds;
  const calls = new Map<string, { readonly first: Sighting; readonly ids: Set<string> }>();
  for (const one of window) {
    if (one.event !== "call.decided" || one.at <= now - loopMs || one.digest === undefined) continue;
    const key = `${one.task ?? ""}.${one.digest.slice(7, 39)}`;
    const group = calls.get(key) ?? { first: one, ids: new Set() };
    calls.set(key, group);
    if (one.callId !== undefined) group.ids.add(one.callId);
  }
  return [...calls].flatMap(([key, { first, ids }]) => {
    if (ids.size < loopCalls) return [];
    const told = loopOf(key, first, ids.size);
    const { agent } = first;
    if (ids.size < loopCalls * STOP_FACTOR || agent === undefined) return [told];
    return [told, { ...told, key: `${key}.stop`, quarantine: { kind: "agent", name: agent } }];
  });
};

function loopOf(key: string, { agent, tool, task }: Sighting, count: number): Anomaly {
  const about = { ...(agent !== undefined && { agent }), ...(tool !== undefined && { tool }), ...(task && { task }) };
  return { code: "anomaly.loop", key, about, count };
}
