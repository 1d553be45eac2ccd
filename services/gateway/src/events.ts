import { digest, type ErrorCode } from "@bulkhead/core";
import type { Reason, Verdict, Would } from "@bulkhead/policy";

import type { Label } from "@bulkhead/schemas";
import type { AuditFields, Runtime } from "@bulkhead/service";
import type { Call } from "./port.ts";

/** The gateway's business events: each a log line and an awaited audit entry. */
export interface Recorder {
  decided(call: Call, verdict: Verdict, labels: Label[]): Promise<void>;
  refused(call: Call, code: ErrorCode, reasons: readonly Reason[]): Promise<void>;
  /** In the mode `observe`: what the call would have been. */
  observed(call: Call, would: Would): Promise<void>;
  malformed(asked: { agent: string; task: string; callId: string; tool: string }, code: ErrorCode): Promise<void>;
}

const REPEAT_MS = 30_000;
const MAX_REMEMBERED = 10_000;

export function recorder({ audit, log, clock }: Pick<Runtime, "audit" | "log" | "clock">): Recorder {
  const told = new Map<string, number>();
  const refuse = async (fields: AuditFields & { callId: string; code: ErrorCode }): Promise<void> => {
    const key = `${fields.callId} ${fields.code}`;
    if (clock.monotonic() - (told.get(key) ?? -Infinity) < REPEAT_MS) return;
    if (told.size >= MAX_REMEMBERED) told.clear();
    told.set(key, clock.monotonic());
    log.info({ callId: fields.callId, tool: fields.tool, code: fields.code }, "call refused");
    await audit.record("call.refused", fields);
  };
  return {
    decided: async (call, verdict, labels) => {
      const { tier, reasons } = verdict;
      log.debug({ callId: call.action.callId, tool: call.action.tool, tier }, "call decided");
      await audit.record("call.decided", {
        ...about(call),
        digest: digest("about", { tool: call.action.tool, args: call.action.args }),
        tier,
        labels,
        reasons: [...reasons],
        state: verdict.outcome,
      });
    },
    refused: (call, code, reasons) =>
      refuse({ ...about(call), callId: call.action.callId, code, reasons: [...reasons] }),
    observed: (call, { outcome, tier, reasons }) =>
      refuse({
        ...about(call),
        ...{ callId: call.action.callId, code: "mode.observe", tier, reasons: [...reasons], state: outcome },
      }),
    malformed: (asked, code) => refuse({ ...asked, code, causes: [`task:${asked.task}`] }),
  };
}

function about({ action, digest, approval }: Call): AuditFields {
  const { agent, principal, task, callId, tool, policyEpoch } = action;
  const proposal = approval && { proposal: approval.terms.id };
  const causes = [`task:${task}`, ...(approval ? [`proposal:${approval.terms.id}`] : [])];
  return { agent, principal, task, callId, tool, policyEpoch, action: digest, ...proposal, causes };
}
