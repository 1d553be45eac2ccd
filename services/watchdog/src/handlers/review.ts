import type { Received } from "@bulkhead/bus";
import { BulkheadError, isBulkheadError } from "@bulkhead/core";
import {
  assertAction,
  assertRuns,
  decide,
  hasEffect,
  isAskedId,
  openGrant,
  openLease,
  rankOf,
  termsDigest,
  type Verdict,
} from "@bulkhead/policy";
import type { BodyOf, Grant, Label, ReplyOf, Tier } from "@bulkhead/schemas";
import { heardOf } from "../approval.ts";
import { reviewRefused, reviewSigned } from "../events.ts";
import type { Watchdog } from "../port.ts";
import { assertJudged } from "../rules/judge.ts";

type Review = BodyOf<"review">;

/** `bh.review`: the second decision, on facts that this service reads itself (S2). */
export async function review(watchdog: Watchdog, { body }: Received<"review">): Promise<ReplyOf<"review">> {
  const reading = labelsOf(watchdog, body.action);
  try {
    const { grant, ceiling } = openAll(watchdog, body);
    const { verdict, labels, approved } = await decideAgain(watchdog, body, ceiling, reading);
    assertNotBelow(grant, verdict, labels);
    await assertJudged(watchdog, body.action, { grant, approved });
    const { tier } = grant;
    const recorded = reviewSigned(watchdog, body.action, { digest: grant.action, tier, labels, verdict });
    const signed = watchdog.sign("grant", grant);
    await recorded;
    return { grant: signed };
  } catch (error) {
    if (isBulkheadError(error) && error.disposition !== "retry") await reviewRefused(watchdog, body.action, error.code);
    throw error;
  }
}

/** Read while the signatures are verified: for nothing, if they are not right. */
function labelsOf({ policy, labels }: Watchdog, { task, tool }: Review["action"]): Promise<Label[]> {
  const reading = hasEffect(policy, tool) ? labels.of(task) : Promise.resolve([]);
  reading.catch(() => undefined);
  return reading;
}

function openAll({ policy, clock }: Watchdog, { action, grant, lease, approval }: Review) {
  const opened = openGrant(policy, grant, ["gateway"], action, clock.now()).grant;
  const leased = openLease(policy, lease, approval === undefined ? clock.now() : 0);
  if (approval === undefined && !isAskedId(action.callId)) throw new BulkheadError("call.conflict");
  if (action.undoes === undefined) assertAction(policy, action, leased);
  else assertRuns(policy, action);
  const proposal = approval && termsDigest(approval.terms);
  if (opened.proposal !== proposal) throw new BulkheadError("grant.invalid");
  return { grant: opened, ceiling: leased.ceiling };
}

async function decideAgain(
  watchdog: Watchdog,
  { action, original, approval }: Review,
  ceiling: Tier,
  reading: Promise<Label[]>,
): Promise<{ verdict: Verdict; labels: Label[]; approved: boolean }> {
  const { policy, control, clock } = watchdog;
  const [labels, said] = await Promise.all([reading, heardOf(watchdog, { action, original, approval })]);
  const facts = { policy, labels, control: control.view(), now: clock.now(), ...said };
  const undoing = action.undoes === undefined ? {} : { undoing: original?.tool ?? "" };
  const verdict = decide({ agent: action.agent, tool: action.tool, ceiling, ...undoing }, facts);
  return { verdict, labels, approved: said.approved };
}

function assertNotBelow(grant: Grant, verdict: Verdict, labels: readonly Label[]): void {
  if (verdict.outcome === "deny") throw new BulkheadError(verdict.code);
  if (verdict.outcome === "propose") throw new BulkheadError("approval.required");
  const raised = rankOf(verdict.tier) > rankOf(grant.tier) || labels.some((label) => !grant.labels.includes(label));
  if (raised) throw new BulkheadError("tier.raised");
}
