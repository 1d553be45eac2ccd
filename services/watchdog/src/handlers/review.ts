import type { Received } from "@bulkhead/bus";
import { BulkheadError, isBulkheadError } from "@bulkhead/core";
import {
  assertAction,
  decide,
  hasEffect,
  openGrant,
  openLease,
  rankOf,
  termsDigest,
  type Verdict,
} from "@bulkhead/policy";
import type { BodyOf, Grant, Label, ReplyOf } from "@bulkhead/schemas";
import { heardApproval } from "../approval.ts";
import { reviewRefused, reviewSigned } from "../events.ts";
import type { Watchdog } from "../port.ts";

type Review = BodyOf<"review">;

/** `bh.review`: the second decision, on facts that this service reads itself (S2). */
export async function review(watchdog: Watchdog, { body }: Received<"review">): Promise<ReplyOf<"review">> {
  try {
    const grant = openAll(watchdog, body);
    const { verdict, labels } = await decideAgain(watchdog, body);
    assertNotBelow(grant, verdict, labels);
    const { tier } = grant;
    await reviewSigned(watchdog, body.action, { digest: grant.action, tier, labels, verdict });
    return { grant: watchdog.sign("grant", grant) };
  } catch (error) {
    if (isBulkheadError(error) && error.code !== "approval.pending")
      await reviewRefused(watchdog, body.action, error.code);
    throw error;
  }
}

function openAll({ policy, clock }: Watchdog, { action, grant, lease, approval }: Review): Grant {
  const opened = openGrant(policy, grant, ["gateway"], action, clock.now()).grant;
  assertAction(policy, action, openLease(policy, lease, approval === undefined ? clock.now() : 0));
  const proposal = approval && termsDigest(approval.terms);
  if (opened.proposal !== proposal) throw new BulkheadError("grant.invalid");
  return opened;
}

async function decideAgain(watchdog: Watchdog, body: Review): Promise<{ verdict: Verdict; labels: Label[] }> {
  const { policy, control, clock } = watchdog;
  const { action, approval } = body;
  const { ceiling } = openLease(policy, body.lease, 0);
  const [labels] = await Promise.all([
    hasEffect(policy, action.tool) ? watchdog.labels.of(action.task) : [],
    approval && heardApproval(watchdog, approval, action),
  ]);
  const facts = { policy, labels, control: control.view(), now: clock.now(), approved: approval !== undefined };
  return { verdict: decide({ agent: action.agent, tool: action.tool, ceiling }, facts), labels };
}

function assertNotBelow(grant: Grant, verdict: Verdict, labels: readonly Label[]): void {
  if (verdict.outcome === "deny") throw new BulkheadError(verdict.code);
  if (verdict.outcome === "ask") throw new BulkheadError("approval.required");
  const raised = rankOf(verdict.tier) > rankOf(grant.tier) || labels.some((label) => !grant.labels.includes(label));
  if (raised) throw new BulkheadError("tier.raised");
}
