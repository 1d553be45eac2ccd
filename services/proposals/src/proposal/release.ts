import { setTimeout as sleep } from "node:timers/promises";
import { asBulkheadError, BulkheadError } from "@bulkhead/core";
import type { BodyOf, CallReply, ProposalDocument } from "@bulkhead/schemas";
import type { Proposals } from "../port.ts";

const PAUSE_MS = 250;
const PATIENCE_MS = 30_000;

/** Refusals that pass: what was released waits, with its expiry running (BRK-05). */
const PASSING: ReadonlySet<string> = new Set([
  ...["control.stopped", "control.quarantined", "mode.observe", "breaker.open", "budget.exhausted"],
]);

/** Nothing of it runs: it was refused, and its task has ended meanwhile. */
const WITHDRAWN = { status: "refused", code: "approval.withdrawn", message: "" } as const;

export type Release = BodyOf<"release">;
type Ended = Exclude<CallReply, { status: "pending" }>;

/**
 * Hands a call back to the gateway until its outcome is known. Asking twice is harmless: the executor's claim decides. Undefined: not
 * known yet, or refused for a reason that passes; the sweep asks again.
 */
export async function askGateway(proposals: Proposals, _id: string, request: Release): Promise<Ended | undefined> {
  const { clock, signal, documents } = proposals;
  const until = clock.monotonic() + PATIENCE_MS;
  while (!signal.aborted && clock.monotonic() < until) {
    const reply = await ask(proposals, request);
    const passing = reply.status === "refused" && PASSING.has(reply.code);
    if (reply.status !== "pending" && !passing) return reply;
    if (passing) return (await documents.findOne({ _id, withdrawn: true })) === undefined ? undefined : WITHDRAWN;
    await sleep(PAUSE_MS, undefined, { signal });
  }
  return undefined;
}

/** One answer of the gateway; a refusal of the request itself is a refusal of the call. */
export async function ask({ bus }: Proposals, request: Release): Promise<CallReply> {
  try {
    return await bus.request("release", request);
  } catch (error) {
    const { code, message, disposition } = asBulkheadError(error);
    return disposition === "deny" ? { status: "refused", code, message: message.slice(0, 500) } : { status: "pending" };
  }
}

/** The document as it is now, if it is still in this state. */
export async function current(
  { documents }: Proposals,
  { _id, state }: ProposalDocument,
): Promise<ProposalDocument | undefined> {
  return await documents.findOne({ _id, state });
}

/** The decision that a state rests on. */
export function decisionOf({ decision }: ProposalDocument): NonNullable<ProposalDocument["decision"]> {
  if (decision === undefined) throw new BulkheadError("store.document");
  return decision;
}
