import type { ErrorCode } from "@bulkhead/core";
import type { ModelCallDocument, ModelRequest } from "@bulkhead/schemas";
import type { AuditFields, Runtime } from "@bulkhead/service";

export interface Recorder {
  intent(call: ModelCallDocument): Promise<void>;
  settled(call: ModelCallDocument, latencyMs: number): Promise<void>;
  refused(request: Pick<ModelRequest, "id" | "task" | "agent">, code: ErrorCode): Promise<void>;
  conflict(call: ModelCallDocument): Promise<void>;
}

export function recorder({ audit, log, policy }: Pick<Runtime, "audit" | "log" | "policy">): Recorder {
  const about = ({ agent, task, _id, digest, model }: ModelCallDocument): AuditFields => ({
    ...{ agent, task, callId: _id, digest, model, policyEpoch: policy.epoch },
    causes: [`task:${task}`, `model:${_id}`],
  });
  return {
    intent: (call) => audit.record("model.intent", { ...about(call), costMicros: call.reservedMicros }),
    settled: async (call, latencyMs) => {
      const { inputTokens, outputTokens, costMicros, ref, code, state } = call;
      log.info({ id: call._id, model: call.model, costMicros, latencyMs, code }, "model call");
      await audit.record("model.settled", {
        ...about(call),
        ...{ inputTokens, outputTokens, costMicros, latencyMs, state },
        ...(ref !== undefined && { content: ref }),
        ...(code !== undefined && { code }),
      });
    },
    refused: async ({ id, task, agent }, code) => {
      log.warn({ id, agent, code }, "model call refused");
      await audit.record("model.refused", { callId: id, task, agent, code, causes: [`task:${task}`] });
    },
    conflict: (call) => audit.record("security.conflict", { ...about(call), code: "call.conflict" }),
  };
}
