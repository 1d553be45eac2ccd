import { BulkheadError } from "@bulkhead/core";
import { actionDigest, STOPPING, termsDigest, verifyApproval, verifyUndo, windowFor } from "@bulkhead/policy";
import type { Action, Approval, BodyOf } from "@bulkhead/schemas";
import { judging, type Watchdog } from "./port.ts";

/** What a review is asked about, as far as persons had a say in it. */
export type Asked = Pick<BodyOf<"review">, "action" | "original" | "approval">;

/** What this service itself knows of what persons said: `approved` by them, `released` by time or at once, or neither. */
export interface Said {
  readonly approved: boolean;
  readonly released: boolean;
}

/**
 * Whether persons had the say that the terms give them, by what this service heard and saw itself: their decisions, no stopping one, the
 * call before it became a proposal, and for what is held the whole window by this service's own presence.
 *
 * @throws BulkheadError `approval.*`, `undo.invalid`, `review.unseen`, `window.open`
 */
export async function heardOf(watchdog: Watchdog, { action, original, approval }: Asked): Promise<Said> {
  if (approval === undefined) return { approved: false, released: false };
  if (action.undoes !== undefined) return await heardUndo(watchdog, { action, original, approval });
  const permission = verifyApproval(watchdog.policy, approval, action, judging(watchdog));
  await assertHeard(watchdog, approval, STOPPING);
  await assertSeen(watchdog, action, approval);
  return { approved: permission.kind === "approved", released: permission.kind === "released" };
}

async function heardUndo(watchdog: Watchdog, { action, original, approval }: Asked): Promise<Said> {
  if (original === undefined || approval === undefined) throw new BulkheadError("undo.invalid");
  verifyUndo(watchdog.policy, { action, original, approval }, judging(watchdog));
  await assertHeard(watchdog, approval, []);
  return { approved: true, released: false };
}

/** Every decision that is shown was heard here, and none of those that stop. */
async function assertHeard(
  watchdog: Watchdog,
  { terms, decisions }: Approval,
  stopping: readonly string[],
): Promise<void> {
  const heard = await watchdog.decisions.find({ action: terms.action });
  const digest = termsDigest(terms);
  const edited = heard.some((one) => one.outcome === "edit" && one.digest === digest);
  if (edited && stopping.length > 0) throw new BulkheadError("approval.edited");
  const stop = heard.find((one) => stopping.includes(one.outcome));
  if (stop !== undefined) throw new BulkheadError(stop.outcome === "deny" ? "approval.denied" : "approval.cancelled");
  const sigs = new Set(heard.map(({ decision }) => decision.sig));
  if (decisions.some(({ sig }) => !sigs.has(sig))) throw new BulkheadError("approval.pending");
}

async function assertSeen(watchdog: Watchdog, action: Action, { terms }: Approval): Promise<void> {
  const seen = await watchdog.validated.findOne({ _id: actionDigest(action) });
  const proposed = seen?.mode === terms.mode && seen.tier === "PROPOSE";
  if (seen === undefined || (terms.mode !== "ask" && !proposed)) throw new BulkheadError("review.unseen");
  const { timeoutMs } = watchdog.policy.policy.approval;
  const latest = seen.at + timeoutMs + 2 * windowFor(watchdog.policy, action);
  if (terms.mode !== "ask" && terms.expiresAt > latest) throw new BulkheadError("approval.expired");
  if (terms.mode !== "hold") return;
  const absent = await watchdog.presence.absentSince(seen.at);
  if (watchdog.clock.now() < seen.at + windowFor(watchdog.policy, action) + absent)
    throw new BulkheadError("window.open");
}
