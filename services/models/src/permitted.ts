import { BulkheadError, type ErrorCode } from "@bulkhead/core";
import { heldBy } from "@bulkhead/policy";
import type { ControlView } from "@bulkhead/service";

/**
 * A model call is an effect (S1): it is refused while the agent is stopped, in quarantine or behind an open breaker, and while
 * the control state is stale. What passes with time is told last.
 *
 * @throws BulkheadError `control.*`, `breaker.open`
 */
export function assertPermitted(agent: string, control: ControlView, now: number): void {
  const refusal = refusalFor(agent, control, now);
  if (refusal !== undefined) throw new BulkheadError(refusal);
}

function refusalFor(agent: string, control: ControlView, now: number): ErrorCode | undefined {
  const held = heldBy(control.values, agent);
  if (held !== undefined) return held;
  const breaker = control.get(`breaker-${agent}`, "breaker");
  if (breaker?.state === "open" && (breaker.until ?? Infinity) > now) return "breaker.open";
  if (control.fresh) return undefined;
  return control.values.has("watchdog") ? "control.stale" : "control.missing";
}
