import type { ErrorCode } from "@bulkhead/core";
import type { ModelCallDocument, ModelRequest } from "@bulkhead/schemas";
import type { AuditFields, Runtime } from "@bulkhead/service";
import type { Settlement } from "./call/book.ts";
import type { Order } from "./call/order.ts";

/** The business events of model calls: each a log line and an awaited audit entry. */
export interface Recorder {
  intended(order: Order): Promise<void>;
  settled(
    order: Order,
    settlement: Settlement,
    seen: { readonly latencyMs?: number; readonly digest?: string },
  ): Promise<void>;
  /** A call whose process died: it counts in full. */
  abandoned(call: ModelCallDocument): Promise<void>;
  refused(request: ModelRequest, code: ErrorCode): Promise<void>;
  budget(agent: string, exhausted: boolean): Promise<void>;
}

const REPEAT_MS = 30_000;
const MAX_REMEMBERED = 10_000;

export function recorder({ audit, log, clock, policy }: Pick<Runtime, "audit" | "log" | "clock" | "policy">): Recorder {
  const told = new Map<string, number>();
  return {
    intended: async (order) => {
      log.info({ callId: order.id, model: order.provider.model, worstMicros: order.worstMicros }, "model call");
      await audit.record("model.intent", {
        ...about(order),
        policyEpoch: policy.epoch,
        inputTokens: order.tokens.worst,
        costMicros: order.worstMicros,
      });
    },
    settled: async (order, { costMicros, inputTokens, outputTokens, outcome }, { latencyMs, digest }) => {
      const answer = outcome.state === "settled" ? { content: outcome.ref } : { code: outcome.code };
      log.info({ callId: order.id, costMicros, latencyMs, ...answer }, "model call settled");
      await audit.record("model.settled", {
        ...about(order),
        ...{ costMicros, inputTokens, outputTokens, state: outcome.state, ...answer },
        ...(latencyMs !== undefined && { latencyMs }),
        ...(digest !== undefined && { digest }),
        causes: [`task:${order.task}`, `model:${order.id}`],
      });
    },
    abandoned: async ({ _id: callId, agent, task, model, reservedMicros: costMicros }) => {
      log.warn({ callId, costMicros }, "model call abandoned");
      const causes = [`task:${task}`, `model:${callId}`];
      await audit.record("model.settled", {
        agent,
        task,
        callId,
        model,
        costMicros,
        state: "failed",
        code: "model.unreachable",
        causes,
      });
    },
    refused: async ({ agent, task, id: callId }, code) => {
      const key = `${callId} ${code}`;
      if (clock.monotonic() - (told.get(key) ?? -Infinity) < REPEAT_MS) return;
      if (told.size >= MAX_REMEMBERED) told.clear();
      told.set(key, clock.monotonic());
      log.warn({ callId, code }, "model call refused");
      const event = code === "call.conflict" ? "security.conflict" : "model.refused";
      await audit.record(event, { agent, task, callId, code, causes: [`task:${task}`] });
    },
    budget: async (agent, exhausted) => {
      const state = exhausted ? "exhausted" : "open";
      log.warn({ agent, state }, "budget");
      await audit.record("budget.changed", { agent, state });
    },
  };
}

function about({ id: callId, agent, task, principal, provider, digest }: Order): AuditFields {
  return { agent, task, principal, callId, model: provider.model, digest, causes: [`task:${task}`] };
}
