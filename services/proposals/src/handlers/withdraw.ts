import type { Received } from "@bulkhead/bus";
import { BulkheadError } from "@bulkhead/core";
import type { ReplyOf } from "@bulkhead/schemas";
import { oneOf } from "@bulkhead/store";
import type { Proposals } from "../port.ts";
import { apply } from "../proposal/apply.ts";

/** `bh.proposal.withdraw`: a task has ended, so nothing of it waits for a person any longer. */
export async function withdraw(proposals: Proposals, { body }: Received<"withdraw">): Promise<ReplyOf<"withdraw">> {
  const waiting = oneOf(["pending", "holding", "editing"]);
  const found = await proposals.documents.find({ task: body.task, state: waiting });
  let withdrawn = 0;
  for (const document of found) {
    const set = { code: "approval.withdrawn" };
    if (!(await apply(proposals, document, { type: "withdraw" }, { set }))) throw new BulkheadError("store.conflict");
    withdrawn += 1;
  }
  for (const { _id } of await proposals.documents.find({ task: body.task, state: "released" }))
    await proposals.documents.compareAndSet({ _id, state: "released" }, { set: { withdrawn: true } });
  return { withdrawn };
}
