import type { Detector } from "./anomaly.ts";

const MINUTE_MS = 60_000;
/** Less than this tells nothing about what is usual. */
const BASELINE_MINUTES = 10;

/** Agents that suddenly ask far more often than they did before, told once an hour. */
export const bursts: Detector = ({ window, now, thresholds }) => {
  const { burstCalls, burstFactor } = thresholds;
  const counts = new Map<string, { first: number; before: number; lately: number }>();
  for (const { event, agent, at } of window) {
    if (event !== "call.decided" || agent === undefined) continue;
    const count = counts.get(agent) ?? { first: at, before: 0, lately: 0 };
    counts.set(agent, count);
    if (at > now - MINUTE_MS) count.lately += 1;
    else count.before += 1;
  }
  return [...counts].flatMap(([agent, { first, before, lately }]) => {
    const minutes = (now - MINUTE_MS - first) / MINUTE_MS;
    if (minutes < BASELINE_MINUTES || lately < burstCalls || lately < burstFactor * (before / minutes)) return [];
    const hour = Math.floor(now / 3_600_000);
    return [{ code: "anomaly.burst", key: `${agent}.${hour}`, about: { agent }, count: lately }];
  });
};
