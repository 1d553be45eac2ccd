import { z } from "zod";

const ms = (normally: number) => z.int().min(50).default(normally);

/** From when on something is an anomaly. Times in milliseconds. */
export const Thresholds = z.strictObject({
  /** How often the window is looked at. */
  lookMs: ms(1_000),
  /** A proposal that is released or being undone, without an end. */
  stuckMs: ms(60_000),
  /** An intent without an outcome, after its tool's own deadline. */
  outcomeMs: ms(30_000),
  /** An intent without this service's signature: the record may come in another order, for a moment. */
  unsignedMs: ms(15_000),
  /** An instance that beat before. */
  silentMs: ms(10_000),
  /** Calls of one task with the same tool and arguments: as many within `loopMs` are told, ten times as many quarantine the agent. */
  loopCalls: z.int().min(2).default(10),
  loopMs: ms(600_000),
  /** Calls of one agent within a minute: at least so many, and `burstFactor` times what was usual for it in at least ten minutes before. */
  burstCalls: z.int().min(2).default(120),
  burstFactor: z.number().min(1).default(10),
  /** How many calls of an agent are learned from before a new order of tools is told. */
  learnCalls: z.int().min(1).default(500),
  /** How long an outside record and the house's own may differ. */
  outsideMs: ms(15_000),
  /** How long after a signature's end the record is taken for complete. */
  giveBackMs: ms(300_000),
});
/** From when on something is an anomaly. */
export type Thresholds = z.infer<typeof Thresholds>;
