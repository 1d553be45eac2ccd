import { systemClock } from "@bulkhead/core";
import { mayAct } from "@bulkhead/schemas";
import { type ControlView, followControl } from "@bulkhead/service";
import type { OperatorClient } from "../client/operator-client.ts";
import type { Stop } from "./change.ts";

/**
 * The control state as every service sees it: each value is verified here again. An operator who may only look may not read the
 * bucket, and hears what changes from now on.
 */
export async function readControl(client: OperatorClient): Promise<() => ControlView> {
  const { policy } = client.policy;
  const live = !mayAct(policy.operators, `operator-${client.name}`);
  const bucket = client.bus.bucket("control");
  const reader = await followControl({ bucket, clock: systemClock, policy, live, rejected: () => undefined });
  return () => reader.view();
}

/** The mode in force: what the policy says, unless an operator has made it stricter. */
export function modeOf({ policy }: OperatorClient, view: ControlView): "enforce" | "observe" {
  return policy.policy.mode === "observe" ? "observe" : (view.get("mode", "mode")?.mode ?? "enforce");
}

/** What an operator has set for the whole house. */
export interface Switches {
  readonly mode: "enforce" | "observe";
  readonly stops: readonly Stop[];
  /** Ids of stops that services say to obey, and that this operator cannot read. */
  readonly alsoObeyed: readonly string[];
  readonly revoked: readonly string[];
  /** Keys whose value cannot be believed: while it lasts no effect runs. */
  readonly doubtful: readonly string[];
  /** Whether the watchdog's beat is recent. */
  readonly fresh: boolean;
}

/** The switches in force. `obeyed`: the ids that services name in their beats. */
export function switchesOf(client: OperatorClient, view: ControlView, obeyed: readonly string[]): Switches {
  const stops = view.get("stop", "stop")?.stops ?? [];
  const { fresh, revoked, doubtful } = view;
  return {
    mode: modeOf(client, view),
    stops,
    alsoObeyed: obeyed.filter((id) => !stops.some((stop) => stop.id === id)),
    revoked: [...revoked],
    doubtful: [...doubtful],
    fresh,
  };
}
