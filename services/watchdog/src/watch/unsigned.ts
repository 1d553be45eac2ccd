import { type Detector, toolsetOf } from "./anomaly.ts";

/**
 * Effects that no watchdog signed (S2): an executor that records one has done, or is about to do, what it may not. What happened before the window
 * began cannot be told, so its first moments are left out.
 */
export const unsigned: Detector = ({ window, now, policy, thresholds }) => {
  const begin = (window[0]?.at ?? now) + thresholds.unsignedMs;
  const signed = new Set(window.filter(({ event }) => event === "review.signed").map(({ callId }) => callId));
  return window.flatMap(({ event, callId, tool, agent, at }) => {
    const due = event === "effect.intent" && at >= begin && now - at > thresholds.unsignedMs;
    if (!due || callId === undefined || signed.has(callId)) return [];
    const quarantine = toolsetOf(policy, tool);
    const about = { callId, ...(tool !== undefined && { tool }), ...(agent !== undefined && { agent }) };
    return [{ code: "anomaly.unsigned", key: callId, about, ...(quarantine && { quarantine }) }];
  });
};
