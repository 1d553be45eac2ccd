import type { ControlValue, Scope } from "@bulkhead/schemas";

/** Why an agent is to do nothing at all: a stop or a quarantine of everything or of this agent. Undefined if it may work. */
export function heldBy(
  values: ReadonlyMap<string, ControlValue>,
  agent: string,
): "control.stopped" | "control.quarantined" | undefined {
  const covers = (scope: Scope): boolean => scope.kind === "all" || (scope.kind === "agent" && scope.name === agent);
  const [stop, quarantine] = [values.get("stop"), values.get("quarantine")];
  if (stop?.kind === "stop" && stop.stops.some(({ scope }) => covers(scope))) return "control.stopped";
  if (quarantine?.kind === "quarantine" && quarantine.scopes.some(covers)) return "control.quarantined";
  return undefined;
}
