import type { Received } from "@bulkhead/bus";
import { BulkheadError, digest, isBulkheadError } from "@bulkhead/core";
import { actionDigest, assertAction, decide, isAskedId, openLease, strictest, verifyEdit } from "@bulkhead/policy";
import type { Action, BodyOf, ReplyOf, ValidatedDocument } from "@bulkhead/schemas";
import { reviewRefused, validatedCall } from "../events.ts";
import { judging, type Watchdog } from "../port.ts";
import { judge } from "../rules/judge.ts";

type Validation = BodyOf<"validate">;

/** `bh.validate`: a call that is to become a proposal is decided here, too, and remembered with the time at which it was seen. */
export async function validate(watchdog: Watchdog, { body }: Received<"validate">): Promise<ReplyOf<"validate">> {
  try {
    const found = await decideOn(watchdog, body);
    await remember(watchdog, body, found.tier);
    await validatedCall(watchdog, body.action, found);
    return found;
  } catch (error) {
    if (isBulkheadError(error)) await reviewRefused(watchdog, body.action, error.code);
    throw error;
  }
}

async function decideOn(watchdog: Watchdog, body: Validation): Promise<ReplyOf<"validate">> {
  const { policy, control, clock } = watchdog;
  const { action, tier: asked } = body;
  const lease = openLease(policy, body.lease, body.edits === undefined ? clock.now() : 0);
  assertAction(policy, action, lease);
  if (body.edits === undefined && !isAskedId(action.callId)) throw new BulkheadError("call.conflict");
  await assertEdit(watchdog, body);
  const labels = await watchdog.labels.of(action.task);
  const facts = { policy, labels, control: control.view(), now: clock.now(), approved: false, released: false };
  const verdict = decide({ agent: action.agent, tool: action.tool, ceiling: lease.ceiling }, facts);
  if (verdict.outcome === "deny") throw new BulkheadError(verdict.code);
  const judged = await judge(watchdog, action, { tier: strictest([asked, verdict.tier]), labels, reserve: false });
  return { tier: judged.tier, reasons: [...verdict.reasons, ...judged.reasons].slice(0, 16) };
}

/** An edited call is one that was seen before, but for the arguments that an operator signed. */
async function assertEdit(watchdog: Watchdog, { action, edits }: Validation): Promise<void> {
  if (edits === undefined) return;
  const { original, approval } = edits;
  verifyEdit(watchdog.policy, { action, original, approval }, judging(watchdog));
  const seen = await watchdog.validated.findOne({ _id: actionDigest(original) });
  if (seen?.about !== aboutOf(action)) throw new BulkheadError("review.unseen");
}

async function remember({ policy, clock, validated }: Watchdog, body: Validation, tier: ValidatedDocument["tier"]) {
  const { action, mode } = body;
  const at = clock.now();
  const expires = new Date(at + policy.policy.approval.timeoutMs + policy.policy.retention.taskMs);
  const { callId } = action;
  await validated.insert({ _id: actionDigest(action), callId, about: aboutOf(action), tier, mode, at, expires });
}

function aboutOf({ agent, principal, task, tool, toolHash }: Action): string {
  return digest("about", { agent, principal, task, tool, toolHash });
}
