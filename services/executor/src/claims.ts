/**
 * Owns: once-ness. One document a call, `_id` the call id; a second unique key for effects that must not happen twice.
 * Does not own: what an effect is, or how an unfinished one is settled.
 * Invariants: S10: `claimed → acting → done | failed | unknown`, each step a compare-and-set on state, action and owner or deadline;
 * nobody leaves `acting` but its owner, or whoever comes after its stored deadline; an end is never left again.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { isBulkheadError } from "@bulkhead/core";
import { CallReply, type ClaimDocument } from "@bulkhead/schemas";
import { type CollectionPort, exists, lt } from "@bulkhead/store";
import type { z } from "zod";

export type Claim = ClaimDocument;
/** An end as it is stored: the text of a result lies in the content store. */
export type Outcome = Extract<z.infer<typeof CallReply>, { status: "done" | "failed" | "unknown" }>;

/** What is stored with an end: the reply, and the event that is not recorded yet. */
export type End = Pick<Claim, "unrecorded"> & { readonly reply?: Outcome | undefined };

/** How a claim was taken. */
export type Taken =
  | { readonly kind: "mine"; readonly claim: Claim }
  | { readonly kind: "known"; readonly claim: Claim }
  | { readonly kind: "duplicate" };

export interface Claims {
  take(claim: Claim, dedupWindowMs: number): Promise<Taken>;
  find(callId: string): Promise<Claim | undefined>;
  /** `claimed → acting`, with what was captured; false when somebody else has it. */
  act(claim: Claim, deadline: number, captured: Pick<Claim, "undo" | "before">): Promise<boolean>;
  /** `acting → done | failed | unknown`; false when it was settled by somebody else. */
  settle(claim: Claim, state: Outcome["status"], end: End): Promise<boolean>;
  /** Adds the reply to an effect that was done while the content store could not be reached. */
  complete(claim: Claim, outcome: Outcome): Promise<void>;
  unsettled(before: number): Promise<readonly Claim[]>;
  /** Ends whose record was not acknowledged, and whose owner had time enough to have it so. */
  unrecorded(before: number): Promise<readonly Claim[]>;
  /** The end is recorded after all. */
  told(claim: Claim): Promise<void>;
}

export function claimStore(claims: CollectionPort<Claim>): Claims {
  const find = (callId: string) => claims.findOne({ _id: callId });
  return {
    find,
    take: async (wanted, dedupWindowMs) => {
      const claim = await inNextRound(claims, wanted, dedupWindowMs);
      if (claim !== undefined && (await claims.insert(claim)).ok) return { kind: "mine", claim };
      const known = await find(wanted._id);
      return known === undefined ? { kind: "duplicate" } : await takeOver(claims, known, wanted);
    },
    act: ({ _id, owner, action }, deadline, captured) =>
      claims.compareAndSet(
        { _id, owner, action, state: "claimed" },
        { set: { state: "acting", deadline, ...captured } },
      ),
    settle: ({ _id, action, deadline }, state, { reply, unrecorded }) =>
      persistently(() =>
        claims.compareAndSet(
          { _id, action, deadline, state: "acting" },
          { set: { state, ...(reply && { reply }), ...(unrecorded && { unrecorded }) } },
        ),
      ),
    complete: async ({ _id, action }, reply) => {
      await claims.compareAndSet({ _id, action, state: "done" }, { set: { reply } });
    },
    unrecorded: (before) => claims.find({ unrecorded: exists(true), deadline: lt(before) }, { limit: 100 }),
    told: async ({ _id, action }) => {
      await claims.compareAndSet({ _id, action }, { unset: ["unrecorded"] });
    },
    unsettled: (before) => claims.find({ state: "acting", deadline: lt(before) }, { limit: 100 }),
  };
}

/** A claim nobody acted on is taken up again by its owner, or by another when its deadline has passed. */
async function takeOver(claims: CollectionPort<Claim>, known: Claim, wanted: Claim): Promise<Taken> {
  const free = known.owner === wanted.owner || known.deadline < wanted.at;
  const abandoned = known.state === "claimed" && known.action === wanted.action && free;
  if (!abandoned) return { kind: "known", claim: known };
  const { owner, deadline } = wanted;
  const mine = await claims.compareAndSet(
    { _id: known._id, action: known.action, state: "claimed", owner: known.owner, deadline: known.deadline },
    { set: { owner, deadline } },
  );
  return mine ? { kind: "mine", claim: { ...known, owner, deadline } } : { kind: "known", claim: known };
}

/** The claim under the next free round of its dedup key; undefined while the same effect is under way, done or unknown within its window. */
async function inNextRound(claims: CollectionPort<Claim>, claim: Claim, windowMs: number): Promise<Claim | undefined> {
  const { dedupKey, at } = claim;
  if (dedupKey === undefined) return claim;
  const [newest] = await claims.find({ dedupKey }, { sort: { dedupRound: -1 }, limit: 1 });
  if (newest === undefined) return { ...claim, dedupRound: 0 };
  const free = newest.state === "failed" || newest.at < at - windowMs;
  return free ? { ...claim, dedupRound: (newest.dedupRound ?? 0) + 1 } : undefined;
}

const WRITE_ATTEMPTS = 20;
const WRITE_PAUSE_MS = 500;

/** An outcome that is known must not be lost to a database that is away for some seconds. */
async function persistently<T>(write: () => Promise<T>): Promise<T> {
  for (let left = WRITE_ATTEMPTS; ; left--) {
    try {
      return await write();
    } catch (error) {
      if (left <= 1 || !isBulkheadError(error, "store.unavailable")) throw error;
      await sleep(WRITE_PAUSE_MS);
    }
  }
}
