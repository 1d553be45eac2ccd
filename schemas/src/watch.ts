import { z } from "zod";
import { DurationMs, Line, Token } from "./primitives.ts";

/**
 * A cumulative limit over a window that moves with time: what calls of these tools add up to (TIER-06). `sum` names an integer argument
 * whose values are added; without it calls are counted. Beyond `max` a person is asked, or the call is denied.
 */
export const CumulativeLimit = z.strictObject({
  tools: z.array(Token).min(1).max(64),
  sum: z.string().min(1).max(100).optional(),
  windowMs: DurationMs.min(1_000),
  /** `agent`: each agent has an account of its own; `house`: all share one. */
  per: z.enum(["agent", "house"]),
  max: z.int().min(0),
  over: z.enum(["ask", "deny"]),
});
/** A cumulative limit over a window. */
export type CumulativeLimit = z.infer<typeof CumulativeLimit>;

/** Where somebody else than the house's services wrote down what a tool set did: a file with one JSON object a line (`effect`, `at`). */
export const OutsideSource = z.strictObject({ toolset: Token, kind: z.literal("jsonl"), file: Line });
/** Where somebody else wrote down what a tool set did. */
export type OutsideSource = z.infer<typeof OutsideSource>;

/** What the watchdog judges and compares beyond tiers, as the admin signed it. */
export const WatchPolicy = z.strictObject({
  /** The house's time zone, which `hour` and `weekday` of rules are told in. */
  timeZone: z.string().min(1).max(64),
  limits: z.record(Token, CumulativeLimit),
  outside: z.array(OutsideSource).max(32),
});
/** What the watchdog judges beyond tiers. */
export type WatchPolicy = z.infer<typeof WatchPolicy>;
