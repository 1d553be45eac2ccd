import { toWire } from "@bulkhead/core";
import { subjectOf, type TaskDocument, type UnrecordedMove } from "@bulkhead/schemas";
import { gte } from "@bulkhead/store";
import type { Tasks } from "./ports.ts";

/** More of a message that nobody understands is not kept. */
const MAX_KEPT_BYTES = 256 * 1024;
/** The letter's time is the bus's, the move's is this machine's. */
const CLOCKS_APART_MS = 2_000;

/** A task that failed or used up its attempts: listed for a human, who can resubmit it. */
export async function buryTask({ runtime }: Pick<Tasks, "runtime">, task: TaskDocument): Promise<void> {
  const subject = subjectOf("submit", { agent: task.agent });
  await runtime.bus.publish("dead", { code: task.code ?? "worker.failed", subject, data: "", task: task._id });
}

/** A move whose process may have died before it could bury the task: buried now, if no letter came of it. */
export async function buryAgain(
  { runtime, dead }: Pick<Tasks, "runtime" | "dead">,
  task: TaskDocument,
  { state, at }: UnrecordedMove,
): Promise<void> {
  if (state !== task.state || (state !== "failed" && state !== "dead")) return;
  const letters = await dead.find({ task: task._id, at: gte(at - CLOCKS_APART_MS) }, { limit: 1 });
  if (letters.length === 0) await buryTask({ runtime }, task);
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
