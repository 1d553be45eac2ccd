import { newSeed } from "@bulkhead/core";
import { canAct, isStopped, termsDigest } from "@bulkhead/policy";
import type { ProposalDocument } from "@bulkhead/schemas";
import type { Proposals } from "../port.ts";
import { type Applied, apply } from "./apply.ts";
import { halfwayOf, setTimer } from "./timer.ts";

/** A timer has fired, or the sweep came by: what is stored decides whether it is time, and for what. */
export async function due(proposals: Proposals, document: ProposalDocument): Promise<void> {
  const now = proposals.clock.now();
  if (document.state === "pending") await dueToDecide(proposals, document, now);
  if (document.state === "holding" || document.state === "window") await dueToClose(proposals, document, now);
}

/** It expires, or (policy `park`) is asked anew with fresh terms, so that old gestures are dead. Halfway there it is told again, louder. */
async function dueToDecide(proposals: Proposals, document: ProposalDocument, now: number): Promise<void> {
  if (document.dueAt <= now) {
    const parks = proposals.policy.policy.approval.onTimeout === "park";
    await apply(proposals, document, { type: "due" }, parks ? renewed(proposals, document) : EXPIRED);
    return;
  }
  const half = halfwayOf(document);
  if (half !== undefined && half <= now)
    await apply(proposals, document, { type: "half" }, { set: { escalatedAt: now } });
}

const EXPIRED: Applied = { set: { code: "approval.expired" } };

/** A window closes when a person had all of it: nothing settles while nobody could act, and a stop gives it anew (PROP-18). */
async function dueToClose(proposals: Proposals, document: ProposalDocument, now: number): Promise<void> {
  if (document.dueAt > now || !canAct(proposals.control.view())) return;
  if (isHeld(proposals, document)) {
    await postpone(proposals, document, now + document.windowMs);
    return;
  }
  if ((await closingOf(proposals, document)) <= now) await apply(proposals, document, { type: "due" });
}

/** When a window has been open for its whole length of time in which somebody could act. */
export async function closingOf({ presence }: Proposals, { dueAt, windowMs }: ProposalDocument): Promise<number> {
  const absent = await presence.absentSince(dueAt - windowMs);
  return dueAt + absent;
}

function isHeld({ control, policy }: Proposals, { agent, tool }: ProposalDocument): boolean {
  return isStopped(control.view(), { agent, tool, toolset: policy.tool(tool)?.toolset ?? "" });
}

/** The window moves as a whole, so that absence is counted from its new beginning. */
async function postpone(proposals: Proposals, document: ProposalDocument, dueAt: number): Promise<void> {
  const { _id, version, state } = document;
  if (await proposals.documents.compareAndSet({ _id, version, state }, { set: { dueAt } }))
    await setTimer(proposals, { ...document, dueAt });
}

/** Fresh terms for a person: a new time, a new nonce, and so a new digest. */
export function renewed({ clock, policy }: Proposals, document: ProposalDocument): Applied {
  const { timeoutMs } = policy.policy.approval;
  const expiresAt = clock.now() + timeoutMs;
  const terms = { ...document.terms, expiresAt, nonce: newSeed() };
  const expires = new Date(expiresAt + policy.policy.retention.taskMs);
  return { set: { terms, digest: termsDigest(terms), dueAt: expiresAt, expires, approvals: [] } };
}
