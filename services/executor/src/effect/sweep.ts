import { BulkheadError } from "@bulkhead/core";
import type { Claim } from "../claims.ts";
import type { Parts } from "../parts.ts";

/** An effect that nobody asked about again for so long after its deadline is called unknown: a person looks. */
const FORGOTTEN_MS = 15 * 60_000;

/** Only the call's own arguments can ask the far side; they come with the next request for it, within the grace. */
export async function sweepUnsettled({ claims, runtime }: Pick<Parts, "claims" | "runtime">): Promise<void> {
  for (const claim of await claims.unsettled(runtime.clock.now() - FORGOTTEN_MS)) {
    const { code } = new BulkheadError("outcome.unknown");
    if (await claims.settle(claim, "unknown", { status: "unknown", code })) await forgotten(runtime, claim);
  }
}

async function forgotten(
  runtime: Parts["runtime"],
  { _id, task, agent, tool, action, effectId }: Claim,
): Promise<void> {
  const causes = [`task:${task}`, `call:${_id}`, `effect:${effectId}`];
  await runtime.audit.record("effect.unknown", {
    callId: _id,
    task,
    agent,
    tool,
    action,
    causes,
    code: "outcome.unknown",
  });
}
