import type { Detector } from "./anomaly.ts";

/** Two tools that an agent has never used one after the other within a task, once enough of its calls are known. Only told: new is not wrong. */
export const sequences: Detector = ({ window, thresholds }) => {
  const calls = new Map<string, number>();
  const known = new Set<string>();
  const last = new Map<string, string>();
  const seen = new Set<string>();
  return window.flatMap(({ event, agent, task, tool, callId }) => {
    const incomplete = agent === undefined || task === undefined || tool === undefined || callId === undefined;
    if (event !== "call.decided" || incomplete || seen.has(callId)) return [];
    seen.add(callId);
    const count = calls.get(agent) ?? 0;
    calls.set(agent, count + 1);
    const before = last.get(task);
    last.set(task, tool);
    const pair = `${agent}.${before ?? "start"}.${tool}`;
    if (known.has(pair)) return [];
    known.add(pair);
    if (count < thresholds.learnCalls) return [];
    return [{ code: "anomaly.sequence" as const, key: pair, about: { agent, task, tool, callId } }];
  });
};
