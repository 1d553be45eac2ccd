import type { Received } from "@bulkhead/bus";
import { BulkheadError, isBulkheadError } from "@bulkhead/core";
import type { ReplyOf } from "@bulkhead/schemas";
import type { Tasks } from "../ports.ts";
import { move } from "../task/effects.ts";

/** A call was decided. A task that is not parked yet remembers it, so that no wake-up is lost. */
export async function wake(service: Tasks, { body }: Received<"wake">): Promise<ReplyOf<"wake">> {
  const { task, callId, proposal } = body;
  if (!callId.startsWith(`${task}.`)) throw new BulkheadError("forbidden");
  try {
    const at = service.runtime.clock.now();
    const causes = [`proposal:${proposal}`, `call:${callId}`];
    const moved = await move(service, task, () => [{ type: "decided", callId, at }], causes);
    return { woken: moved !== undefined };
  } catch (error) {
    if (isBulkheadError(error, "task.unknown")) return { woken: false };
    throw error;
  }
}
