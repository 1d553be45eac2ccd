import type { Bus } from "@bulkhead/bus";
import { BulkheadError, type Clock, digestBytes, isBulkheadError, parseJson } from "@bulkhead/core";
import type { ChatAnswer } from "@bulkhead/llm";
import { MAX_CONTENT_BYTES, ModelAnswer } from "@bulkhead/schemas";
import type { Order } from "./order.ts";

/** Where a model's words lie: once, under a reference, with the label of everything that a model says (INJ-02). */
export interface Answers {
  /** @throws BulkheadError `model.malformed` if it is too long to be kept */
  keep(order: Order, answer: ChatAnswer): Promise<{ readonly ref: string; readonly digest: string }>;
  /** @throws BulkheadError `content.missing` */
  recall(ref: string): Promise<ModelAnswer>;
}

const ATTEMPTS = 5;

export function answerStore(bus: Bus, clock: Clock): Answers {
  return {
    keep: async ({ id, task }, { text: said, toolCalls }) => {
      const text = JSON.stringify({ text: said, toolCalls });
      if (Buffer.byteLength(text) > MAX_CONTENT_BYTES) throw new BulkheadError("model.malformed", "(it is too long)");
      const digest = digestBytes("content", text);
      const provenance = { origin: "model" as const, source: id, digest, at: clock.now() };
      const put = { kind: "put" as const, task, about: "model" as const, text, labels: ["A" as const], provenance };
      const reply = await bus.request("content", put, { attempts: ATTEMPTS });
      return { ref: reply.ref, digest };
    },
    recall: async (ref) => {
      const reply = await bus
        .request("content", { kind: "get", ref }, { attempts: ATTEMPTS })
        .catch((error: unknown) => {
          throw isBulkheadError(error) ? error : new BulkheadError("content.missing", undefined, { cause: error });
        });
      if (reply.kind !== "get") throw new BulkheadError("content.missing");
      return ModelAnswer.parse(parseJson(reply.text));
    },
  };
}
