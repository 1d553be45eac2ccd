/**
 * Owns: what an instance says of itself: its heartbeat every second, at once on a change of control that it obeys, and once at
 * its end; and the record of how long after a stop or a resume was signed it was obeyed here.
 * Does not own: what obeying takes (`obedience.ts`), who waits for the acknowledgement.
 */
import { type ControlValue, roleOf } from "@bulkhead/schemas";
import type { Runtime } from "./runtime.ts";

const BEAT_MS = 1_000;

type Parts = Pick<Runtime, "identity" | "instance" | "bus" | "control" | "clock" | "audit" | "log">;
type Stop = Extract<ControlValue, { kind: "stop" }>["stops"][number];

/** Beats until the service is to end. */
export function startBeat(parts: Parts & Pick<Runtime, "signal">): void {
  const beat = (): void => {
    sendBeat(parts);
  };
  const timer = setInterval(beat, BEAT_MS);
  parts.control.onObeyed(beat);
  recordObeyed(parts);
  parts.signal.addEventListener("abort", () => {
    clearInterval(timer);
  });
  beat();
}

/** The last beat: nobody waits for this instance any longer. */
export function sendLastBeat(parts: Parts): void {
  sendBeat(parts, { ends: true });
}

function sendBeat({ identity, instance, bus, control, clock }: Parts, last: { ends?: true } = {}): void {
  if (roleOf(identity) === undefined) return;
  const { revision } = control.view();
  bus.send("beat", { instance, revision, stops: [...control.obeyed()], at: clock.now(), ...last });
}

/** What held before this process began says nothing about its speed. */
function recordObeyed(parts: Parts): void {
  let before = stopsIn(parts);
  parts.control.onObeyed(() => {
    const after = stopsIn(parts);
    const signedAt = parts.control.word("stop")?.at ?? 0;
    for (const [id, stop] of after) if (!before.has(id)) record(parts, stop, "stopped", stop.at);
    for (const [id, stop] of before) if (!after.has(id)) record(parts, stop, "resumed", signedAt);
    before = after;
  });
}

function stopsIn({ control }: Parts): ReadonlyMap<string, Stop> {
  return new Map(
    control
      .view()
      .get("stop", "stop")
      ?.stops.map((stop) => [stop.id, stop]),
  );
}

function record(parts: Parts, { id, scope }: Stop, state: "stopped" | "resumed", since: number): void {
  const { audit, clock, control, log } = parts;
  const operator = control.word("stop")?.issuer;
  const latencyMs = Math.max(0, clock.now() - since);
  const about =
    scope.kind === "agent"
      ? { agent: scope.name }
      : scope.kind === "all"
        ? {}
        : { tool: `${scope.kind} ${scope.name}` };
  log.warn({ stop: id, scope, state, latencyMs }, "control obeyed");
  audit
    .record("control.changed", { ...about, ...(operator && { operator }), state, latencyMs, causes: [`stop:${id}`] })
    .catch((error: unknown) => {
      log.error({ stop: id, reason: String(error) }, "a stop was obeyed and could not be recorded");
    });
}
