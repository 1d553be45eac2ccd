import { setTimeout as sleep } from "node:timers/promises";
import { asBulkheadError, BulkheadError } from "@bulkhead/core";
import type { CallReply, ProposalDocument } from "@bulkhead/schemas";
import type { Proposals } from "../port.ts";
import { apply } from "./apply.ts";
import type { ProposalEvent } from "./proposal.machine.ts";
import { tell } from "./tell.ts";

const PAUSE_MS = 250;
const PATIENCE_MS = 30_000;

/** Hands an approved call back to the gateway until its outcome is known. The executor's claim makes asking twice harmless. */
export async function release(proposals: Proposals, document: ProposalDocument): Promise<void> {
  const { clock, signal } = proposals;
  if (!(await apply(proposals, document, { type: "release" }))) return;
  const until = clock.monotonic() + PATIENCE_MS;
  while (!signal.aborted && clock.monotonic() < until) {
    const settled = settlementOf(await ask(proposals, document));
    if (settled !== undefined) {
      await settle(proposals, document._id, settled);
      return;
    }
    await sleep(PAUSE_MS, undefined, { signal });
  }
}

interface Settlement {
  readonly type: Extract<ProposalEvent["type"], "executed" | "failed" | "unknown">;
  readonly code?: string;
}

async function ask({ bus }: Proposals, { action, lease, terms, decision }: ProposalDocument): Promise<CallReply> {
  if (decision === undefined) throw new BulkheadError("store.document");
  try {
    return await bus.request("release", { action, lease: lease, approval: { terms, decision } });
  } catch (error) {
    const { code, message, disposition } = asBulkheadError(error);
    return disposition === "deny" ? { status: "refused", code, message: message.slice(0, 500) } : { status: "pending" };
  }
}

function settlementOf(reply: CallReply): Settlement | undefined {
  switch (reply.status) {
    case "done":
      return { type: "executed" };
    case "failed":
    case "refused":
      return { type: "failed", code: reply.code };
    case "unknown":
      return { type: "unknown", code: reply.code };
    case "pending":
      return undefined;
  }
}

async function settle(proposals: Proposals, id: string, { type, code }: Settlement): Promise<void> {
  const current = await proposals.documents.findOne({ _id: id });
  if (current === undefined) return;
  const settled = await apply(proposals, current, { type }, code === undefined ? {} : { set: { code } });
  if (settled) await tell(proposals, current);
}
