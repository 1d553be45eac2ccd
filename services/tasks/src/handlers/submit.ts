import type { StreamMessage } from "@bulkhead/bus";
import { digestBytes, toWire } from "@bulkhead/core";
import { buryMessage } from "../dead.ts";
import { taskRejected } from "../events.ts";
import { admit } from "../intake/admit.ts";
import type { Tasks } from "../ports.ts";

export async function submit(service: Tasks, message: StreamMessage<"submit">): Promise<void> {
  const agent = message.values["agent"] ?? "";
  await admit(service, {
    agent,
    data: message.data,
    defaultId: `t-${message.seq}`,
    sequence: message.seq,
    repeated: message.deliveries > 1,
  });
}

/** Recorded and kept for a human; what fails only for the moment never comes here. */
export async function refuseSubmission(
  service: Tasks,
  message: StreamMessage<"submit">,
  error: unknown,
): Promise<void> {
  await taskRejected(service, {
    agent: message.values["agent"] ?? "",
    code: toWire(error).code,
    digest: digestBytes("intake", message.data),
    bytes: message.data.byteLength,
  });
  await buryMessage(service, message, error);
}
