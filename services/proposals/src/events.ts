import type { ErrorCode } from "@bulkhead/core";
import type { AuditEvent, ProposalDocument } from "@bulkhead/schemas";
import type { AuditFields, Runtime } from "@bulkhead/service";

/** What an honest person may be told who comes late. */
const LATE: ReadonlySet<ErrorCode> = new Set([
  ...(["proposal.decided", "proposal.unknown", "approval.expired", "window.closed"] as const),
]);

/** The service's business events: each a log line and an awaited audit entry. */
export interface Recorder {
  changed(event: AuditEvent, document: ProposalDocument, operator?: string): Promise<void>;
  repeated(document: ProposalDocument, callId: string): Promise<void>;
  refusedDecision(proposal: string, operator: string, code: ErrorCode): Promise<void>;
  answered(kind: string, operator: string): Promise<void>;
}

export function recorder({ audit, log }: Pick<Runtime, "audit" | "log">): Recorder {
  return {
    changed: async (event, document, operator) => {
      const { _id: proposal, callId, state, code } = document;
      log.info({ proposal, callId, state, code }, event);
      const by = operator === undefined ? {} : { operator };
      await audit.record(event, { ...about(document), ...by, state, ...(code !== undefined && { code }) });
    },
    repeated: async (document, callId) => {
      log.info({ proposal: document._id, callId }, "proposal.repeated");
      const causes = [`proposal:${document._id}`, `call:${callId}`];
      await audit.record("proposal.repeated", { ...about(document), callId, causes });
    },
    refusedDecision: async (proposal, operator, code) => {
      log.warn({ proposal, operator, code }, "decision refused");
      await audit.record(LATE.has(code) ? "proposal.refused" : "security.forged", {
        ...(proposal !== "" && { proposal }),
        operator,
        code,
      });
    },
    answered: async (kind, operator) => {
      await audit.record("query.answered", { operator, state: kind });
    },
  };
}

function about(document: ProposalDocument): AuditFields {
  const { _id: proposal, agent, task, callId, tool, tier, labels, reasons, digest } = document;
  const { principal, policyEpoch } = document.action;
  const causes = [`call:${callId}`, `task:${task}`, `proposal:${proposal}`];
  return { proposal, agent, principal, task, callId, tool, tier, labels, reasons, digest, policyEpoch, causes };
}
