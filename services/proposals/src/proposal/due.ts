import { newSeed } from "@bulkhead/core";
import { termsDigest } from "@bulkhead/policy";
import type { ProposalDocument } from "@bulkhead/schemas";
import type { Proposals } from "../port.ts";
import { apply } from "./apply.ts";

/** The due time has come: it expires, or (policy `park`) is asked anew with fresh terms, so that old gestures are dead. */
export async function due(proposals: Proposals, document: ProposalDocument): Promise<void> {
  const { clock, policy } = proposals;
  if (document.state !== "pending" || document.dueAt > clock.now()) return;
  const { onTimeout, timeoutMs } = policy.policy.approval;
  const expiresAt = clock.now() + timeoutMs;
  const terms = { ...document.terms, expiresAt, nonce: newSeed() };
  const expires = new Date(expiresAt + policy.policy.retention.taskMs);
  const set =
    onTimeout === "park"
      ? { terms, digest: termsDigest(terms), dueAt: expiresAt, expires }
      : { code: "approval.expired" };
  await apply(proposals, document, { type: "due" }, { set });
}
