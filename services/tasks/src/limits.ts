import { BulkheadError, type ErrorCode } from "@bulkhead/core";
import type { Limits, Snapshot, TaskDocument } from "@bulkhead/schemas";
import type { z } from "zod";

const MAX_SNAPSHOT_BYTES = 512 * 1024;

/** The limit that the task is over, if any (BRK-07). */
export function exceeded(
  limits: z.infer<typeof Limits>,
  snapshot: Snapshot | null,
  task: Pick<TaskDocument, "startedAt">,
  now: number,
): ErrorCode | undefined {
  if (task.startedAt !== undefined && now - task.startedAt > limits.wallMs) return "limits.time";
  if (snapshot === null) return undefined;
  if (snapshot.step > limits.steps || snapshot.used.calls > limits.calls) return "limits.steps";
  return snapshot.used.inputTokens + snapshot.used.outputTokens > limits.tokens ? "limits.tokens" : undefined;
}

export function assertSize(snapshot: Snapshot): void {
  if (Buffer.byteLength(JSON.stringify(snapshot)) > MAX_SNAPSHOT_BYTES) throw new BulkheadError("snapshot.size");
}
