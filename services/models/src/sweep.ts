import { toWire } from "@bulkhead/core";
import type { ModelCallDocument } from "@bulkhead/schemas";
import type { ModelsParts } from "./service.ts";

const EVERY_MS = 3_000;

/** Settles what dead processes left open: in full, since nobody knows (COST-05). */
export async function sweepAbandoned(parts: ModelsParts): Promise<void> {
  for (const call of await parts.book.abandoned()) await settleAbandoned(call, parts);
}

/** Settles one such call. */
export async function settleAbandoned(
  call: ModelCallDocument,
  { book, recorder, projection }: ModelsParts,
): Promise<void> {
  const outcome = { state: "failed" as const, code: "model.unreachable" as const };
  const settled = await book.settle(call, {
    costMicros: call.reservedMicros,
    inputTokens: 0,
    outputTokens: 0,
    outcome,
  });
  if (!settled) return;
  await recorder.abandoned(call);
  projection.touch(call.agent);
}

/** Sweeps until the signal aborts. A sweep that fails is tried again with the next. */
export function keepSweeping(parts: ModelsParts, signal: AbortSignal): void {
  const sweep = (): void => {
    sweepAbandoned(parts).catch((error: unknown) => {
      parts.log.warn(toWire(error), "sweep failed");
    });
  };
  const timer = setInterval(sweep, EVERY_MS);
  signal.addEventListener("abort", () => {
    clearInterval(timer);
  });
}
