import type { Anomaly, View } from "../watch/anomaly.ts";
import type { OutsideEntry } from "./record.ts";

/** How an outside record and the house's own compare. */
export interface Compared {
  /** Effects that both know. */
  readonly matched: readonly string[];
  readonly anomalies: readonly Anomaly[];
}

/**
 * Compares what somebody outside says a tool set did with what is recorded of it. What only the outside knows was done without a record (S1):
 * serious. What only the house knows may not have happened: told. Both only when the difference has lasted, and neither before `begin`, from when on
 * both are known.
 */
export function compare(
  toolset: string,
  outside: readonly OutsideEntry[],
  view: View & { readonly begin: number },
): Compared {
  const { window, now, thresholds, policy, begin } = view;
  const due = (at: number): boolean => now - at > thresholds.outsideMs;
  const own = window.filter(({ tool, effect }) => effect !== undefined && policy.tool(tool ?? "")?.toolset === toolset);
  const intended = new Set(own.map(({ effect }) => effect));
  const there = new Set(outside.map(({ effect }) => effect));
  const unknown = outside.filter(({ effect, at }) => due(at) && (effect === undefined || !intended.has(effect)));
  const missing = own.filter(({ event, tool = "", effect, at }) => {
    const outward = policy.tool(tool)?.effects.includes("out") === true;
    const told = at > begin + thresholds.outsideMs;
    return event === "effect.done" && outward && told && due(at) && !there.has(effect);
  });
  return {
    matched: outside.flatMap(({ effect }) => (effect !== undefined && intended.has(effect) ? [effect] : [])),
    anomalies: [
      ...unknown.map(({ effect, place }) => unknownTo(toolset, effect, place)),
      ...missing.map(({ effect = "", callId, tool }): Anomaly => {
        const about = { effect, ...(callId !== undefined && { callId }), ...(tool !== undefined && { tool }) };
        return { code: "anomaly.outside-missing", key: `${toolset}.${effect}`, about };
      }),
    ],
  };
}

function unknownTo(toolset: string, effect: string | undefined, place: string): Anomaly {
  const named = effect !== undefined && /^[a-z0-9][a-z0-9-]{0,62}$/.test(effect) ? { effect } : {};
  const key = `${toolset}.${effect ?? place}`;
  return { code: "anomaly.outside-unknown", key, about: named, quarantine: { kind: "toolset", name: toolset } };
}
