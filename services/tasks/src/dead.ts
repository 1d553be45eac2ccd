import { toWire } from "@bulkhead/core";
import { subjectOf, type TaskDocument } from "@bulkhead/schemas";
import type { Tasks } from "./ports.ts";

/** More of a message that nobody understands is not kept. */
const MAX_KEPT_BYTES = 256 * 1024;

/** A task that failed or used up its attempts: listed for a human, who can resubmit it. */
export async function buryTask({ runtime }: Tasks, task: TaskDocument): Promise<void> {
  const subject = subjectOf("submit", { agent: task.agent });
  await runtime.bus.publish("dead", { code: task.code ?? "worker.failed", subject, data: "", task: task._id });
}

/** A message that cannot become a task. */
export async function buryMessage(
  { runtime }: Tasks,
  message: { readonly subject: string; readonly data: Uint8Array },
  error: unknown,
): Promise<void> {
  const kept = message.data.byteLength <= MAX_KEPT_BYTES ? Buffer.from(message.data).toString("base64") : "";
  await runtime.bus.publish("dead", { code: toWire(error).code, subject: message.subject, data: kept });
}
