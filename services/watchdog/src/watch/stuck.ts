import type { Sighting } from "@bulkhead/schemas";
import type { Detector } from "./anomaly.ts";

const UNDER_WAY = new Set(["proposal.released", "proposal.undoing"]);

/** Proposals that were released, or are being undone, and of which nothing was heard since. */
export const stuck: Detector = ({ window, now, thresholds }) => {
  const last = new Map<string, Sighting>();
  for (const one of window) {
    if (one.proposal === undefined || !one.event.startsWith("proposal.")) continue;
    if (one.event !== "proposal.repeated") last.set(one.proposal, one);
  }
  const overdue = [...last.values()].filter(({ event, at }) => UNDER_WAY.has(event) && now - at > thresholds.stuckMs);
  return overdue.map(({ proposal = "", agent, callId, at }) => ({
    code: "anomaly.stuck-proposal",
    key: `${proposal}.${at}`,
    about: { proposal, ...(agent !== undefined && { agent }), ...(callId !== undefined && { callId }) },
  }));
};
