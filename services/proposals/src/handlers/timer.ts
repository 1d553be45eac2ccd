import type { StreamMessage } from "@bulkhead/bus";
import type { Proposals } from "../port.ts";
import { due } from "../proposal/due.ts";

/** A timer is a hint: the stored due time decides. */
export async function timer(proposals: Proposals, message: StreamMessage<"timer">): Promise<void> {
  const { id } = message.open().body;
  const document = await proposals.documents.findOne({ _id: id });
  if (document !== undefined) await due(proposals, document);
}
