import { BulkheadError } from "@bulkhead/core";
import type { AuditFields } from "@bulkhead/service";
import type { Claim } from "../claims.ts";
import type { Parts } from "../parts.ts";

/** An effect that nobody asked about again for so long after its deadline is called unknown: a person looks. */
const FORGOTTEN_MS = 15 * 60_000;

/** Only the call's own arguments can ask the far side; they come with the next request for it, within the grace. */
export async function sweepUnsettled({ claims, runtime }: Pick<Parts, "claims" | "runtime">): Promise<void> {
  for (const claim of await claims.unsettled(runtime.clock.now() - FORGOTTEN_MS)) {
    const { code } = new BulkheadError("outcome.unknown");
    const end = { reply: { status: "unknown", code }, unrecorded: "effect.unknown" } as const;
    await claims.settle(claim, "unknown", end);
  }
}

/** Ends that were reached while the record was away, by a process that may have died since. They may be recorded twice. */
export async function sweepUnrecorded({ claims, runtime }: Pick<Parts, "claims" | "runtime">): Promise<void> {
  for (const claim of await claims.unrecorded(runtime.clock.now())) {
    if (claim.unrecorded === undefined) continue;
    await runtime.audit.record(claim.unrecorded, endOf(claim));
    await claims.told(claim);
  }
}

function endOf({ _id: callId, task, agent, tool, action, effectId, reply }: Claim): AuditFields {
  const content = reply?.status === "done" ? reply.result.ref : undefined;
  const causes = [`task:${task}`, `call:${callId}`, `effect:${effectId}`, ...(content ? [`content:${content}`] : [])];
  const code = reply !== undefined && "code" in reply ? { code: reply.code } : {};
  return { callId, task, agent, tool, action, causes, ...code, ...(content && { content }) };
}
