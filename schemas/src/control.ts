import { z } from "zod";
import { EpochMs, Line, Micros, Token } from "./primitives.ts";

/** A beat older than this means that effects are refused (design §7). */
export const CONTROL_STALE_MS = 2_000;
/** How often the watchdog beats. */
export const BEAT_INTERVAL_MS = 500;

/** What a stop, quarantine or resume is about. */
export const Scope = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("all") }),
  z.strictObject({ kind: z.enum(["agent", "tool", "toolset"]), name: Token }),
]);
/** What a stop is about. */
export type Scope = z.infer<typeof Scope>;

/** One value of KV `control`, signed by its owner as an envelope of type `control`. */
export const ControlValue = z.discriminatedUnion("kind", [
  /**
   * Key `watchdog`: its heartbeat, the newest revision of `stop`, `mode`, `quarantine` or `revoked` that it obeys, and the instances
   * of all services that it has heard lately: who must acknowledge a stop, also when one of them is silent.
   */
  z.strictObject({
    kind: z.literal("beat"),
    revision: z.int().min(0),
    at: EpochMs,
    instances: z.array(z.string().max(64)).max(4_096).optional(),
  }),
  /**
   * Key `stop`, by an operator: everything in force, and the ids of what was lifted lately, so that whoever has missed a value in
   * between still finds the name of each stop that is gone. What is in neither list was never lifted.
   */
  z.strictObject({
    kind: z.literal("stop"),
    stops: z.array(z.strictObject({ id: Token, scope: Scope, reason: Line, at: EpochMs })).max(256),
    lifts: z.array(Token).max(256),
  }),
  /** Key `revoked`, by an admin: operators whose decisions count no longer, also those made before. It can only add, until another policy is signed. */
  z.strictObject({ kind: z.literal("revoked"), operators: z.array(Token).max(256) }),
  /** Key `mode`, by an operator: observe = nothing has an effect. */
  z.strictObject({ kind: z.literal("mode"), mode: z.enum(["enforce", "observe"]) }),
  /** Key `quarantine`, by the watchdog: it can only add. */
  z.strictObject({ kind: z.literal("quarantine"), scopes: z.array(Scope).max(256) }),
  /** Key `breaker-<agent>`, by tasks. */
  z.strictObject({
    kind: z.literal("breaker"),
    agent: Token,
    state: z.enum(["closed", "open", "half-open"]),
    until: EpochMs.optional(),
  }),
  /** Key `budget-<agent>`, by models: the day's account (UTC). `exhausted` refuses paid work. */
  z.strictObject({
    kind: z.literal("budget"),
    agent: Token,
    day: z.string().regex(/^\d{4}-\d{2}-\d{2}$/),
    spentMicros: Micros,
    reservedMicros: Micros,
    capMicros: Micros,
    exhausted: z.boolean(),
  }),
]);
/** One value of KV `control`. */
export type ControlValue = z.infer<typeof ControlValue>;

/**
 * `bh.beat.<service>`: an instance's heartbeat, sent every second and at once on a change of control. `stops` names the stops that it
 * obeys: the acknowledgement. `revision` is the newest one of control that it obeys, 0 where only changes are heard (a host).
 */
export const ServiceBeat = z.strictObject({
  instance: z.string().max(64),
  revision: z.int().min(0),
  stops: z.array(Token).max(256),
  at: EpochMs,
  /** Its last one: it takes no more work. */
  ends: z.literal(true).optional(),
  level: Line.optional(),
});
/** An instance's heartbeat. */
export type ServiceBeat = z.infer<typeof ServiceBeat>;
