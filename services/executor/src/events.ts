import { asBulkheadError, type ErrorCode, isBulkheadError } from "@bulkhead/core";
import type { Action, AuditEvent } from "@bulkhead/schemas";
import type { AuditFields, Runtime } from "@bulkhead/service";
import type { PermittedCall } from "./parts.ts";

/** The business events: each one a log line and an audit entry that is acknowledged when it resolves. */
export interface Events {
  call(event: AuditEvent, call: PermittedCall, fields?: AuditFields): Promise<void>;
  refused(action: Action, digest: string, error: unknown): Promise<void>;
  conflict(action: Action, digest: string, known: string): Promise<void>;
}

export function events({ audit, log }: Runtime): Events {
  const record = async (event: AuditEvent, fields: AuditFields): Promise<void> => {
    log.info({ event, callId: fields.callId, tool: fields.tool, code: fields.code }, event);
    await audit.record(event, fields);
  };
  return {
    call: (event, call, { causes = [], ...fields } = {}) =>
      record(event, {
        ...aboutAction(call.action, call.digest),
        tier: call.grant.tier,
        causes: [...causesOf(call), ...causes],
        ...(call.proposal !== undefined && { proposal: call.proposal }),
        ...fields,
      }),
    refused: (action, digest, error) =>
      record(isForgery(error) ? "security.forged" : "effect.refused", {
        ...aboutAction(action, digest),
        causes: own(action),
        code: codeOf(error),
      }),
    conflict: (action, digest, known) =>
      record("security.conflict", {
        ...aboutAction(action, digest),
        causes: own(action),
        digest: known,
        code: "call.conflict",
      }),
  };
}

const own = ({ task, callId }: Action): string[] => [`task:${task}`, `call:${callId}`];

function causesOf({ action, effectId, proposal, loaded }: PermittedCall): string[] {
  const effect = loaded.contract.effects.length > 0 ? [`effect:${effectId}`] : [];
  return [...own(action), ...effect, ...(proposal === undefined ? [] : [`proposal:${proposal}`])];
}

function aboutAction({ agent, principal, task, callId, tool, policyEpoch }: Action, action: string): AuditFields {
  return { agent, principal, task, callId, tool, policyEpoch, action };
}

/** What an honest gateway cannot send (PROP-03). */
function isForgery(error: unknown): boolean {
  return isBulkheadError(error, "digest.mismatch", "grant.invalid", "approval.invalid", "tool.hash");
}

function codeOf(error: unknown): ErrorCode {
  return asBulkheadError(error).code;
}
