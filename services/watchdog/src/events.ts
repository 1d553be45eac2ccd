import type { ErrorCode } from "@bulkhead/core";
import { actionDigest, type Verdict } from "@bulkhead/policy";
import type { Action, Label, Tier } from "@bulkhead/schemas";
import type { AuditFields } from "@bulkhead/service";
import type { Watchdog } from "./port.ts";

export async function reviewSigned(
  { audit, log }: Watchdog,
  action: Action,
  signed: { readonly digest: string; readonly tier: Tier; readonly labels: Label[]; readonly verdict: Verdict },
): Promise<void> {
  const { digest, tier, labels, verdict } = signed;
  log.debug({ callId: action.callId, tier }, "review signed");
  await audit.record("review.signed", {
    ...about(action),
    action: digest,
    tier,
    labels,
    reasons: [...verdict.reasons],
  });
}

export async function validatedCall(
  { audit }: Watchdog,
  action: Action,
  { tier, reasons }: { readonly tier: Tier; readonly reasons: string[] },
): Promise<void> {
  await audit.record("review.validated", { ...about(action), action: actionDigest(action), tier, reasons });
}

export async function reviewRefused({ audit, log }: Watchdog, action: Action, code: ErrorCode): Promise<void> {
  log.info({ callId: action.callId, tool: action.tool, code }, "review refused");
  await audit.record("review.refused", { ...about(action), code });
}

export async function decisionForged({ audit, log }: Watchdog, operator: string, code: ErrorCode): Promise<void> {
  log.warn({ operator, code }, "decision refused");
  await audit.record("security.forged", { operator, code });
}

/** The decision that follows records it; here it is told with its reasons. */
export function ruleRaised({ log }: Pick<Watchdog, "log">, { callId, tool }: Action, reasons: readonly string[]): void {
  log.info({ callId, tool, reasons }, "raised by a rule");
}

export function ruleDenied({ log }: Pick<Watchdog, "log">, { callId, tool }: Action, error: Error): void {
  log.info({ callId, tool, why: error.message }, "denied by a rule");
}

function about({ agent, principal, task, callId, tool, policyEpoch }: Action): AuditFields {
  return { agent, principal, task, callId, tool, policyEpoch, causes: [`task:${task}`, `call:${callId}`] };
}
