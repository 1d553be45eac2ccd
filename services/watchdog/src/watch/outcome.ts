import type { Detector } from "./anomaly.ts";

const OUTCOMES = new Set(["effect.done", "effect.failed", "effect.unknown", "effect.refused"]);

/** Effects that were intended, and of which nobody recorded what became of them. */
export const withoutOutcome: Detector = ({ window, now, policy, thresholds }) => {
  const known = new Set(window.filter(({ event }) => OUTCOMES.has(event)).map(({ callId }) => callId));
  return window.flatMap(({ event, callId, tool = "", agent, at }) => {
    if (event !== "effect.intent" || callId === undefined || known.has(callId)) return [];
    const limit = (policy.tool(tool)?.timeoutMs ?? 0) + thresholds.outcomeMs;
    if (now - at <= limit) return [];
    return [
      { code: "anomaly.no-outcome", key: callId, about: { callId, tool, ...(agent !== undefined && { agent }) } },
    ];
  });
};
