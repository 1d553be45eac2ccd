import type { StreamMessage } from "@bulkhead/bus";
import { isBulkheadError } from "@bulkhead/core";
import { openDecision } from "@bulkhead/policy";
import { decisionForged } from "../events.ts";
import { judging, type Watchdog } from "../port.ts";

/** Stream DECISIONS: what operators decided, heard without any other service in between. */
export async function decision(watchdog: Watchdog, message: StreamMessage<"decision">): Promise<void> {
  const { policy, decisions } = watchdog;
  try {
    const { envelope } = message.open();
    const { decision: heard, operator } = openDecision(policy, envelope, judging(watchdog).revoked);
    const { proposal, digest, action, outcome } = heard;
    const expires = new Date(message.at + policy.policy.approval.timeoutMs + policy.policy.retention.taskMs);
    const document = { proposal, digest, action, operator, outcome, decision: envelope, at: message.at, expires };
    await decisions.insert({ _id: `${proposal}.${envelope.sig.slice(0, 43)}`, ...document });
  } catch (error) {
    if (!isBulkheadError(error) || error.disposition === "retry") throw error;
    await decisionForged(watchdog, `operator-${message.values["operator"] ?? "unknown"}`, error.code);
  }
}
