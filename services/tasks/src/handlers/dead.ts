import type { StreamMessage } from "@bulkhead/bus";
import type { Tasks } from "../ports.ts";

/** Every service's dead letters end here, where operators list them. */
export async function dead(service: Tasks, message: StreamMessage<"dead">): Promise<void> {
  const { body } = message.open();
  const { code, subject, data, task } = body;
  await service.dead.insert({
    ...{ _id: `d-${message.seq}`, agent: (subject.split(".").at(-1) ?? "").slice(0, 100), subject, code, data },
    bytes: Buffer.byteLength(data, "base64"),
    ...(task !== undefined && { task }),
    at: message.at,
    expires: new Date(message.at + service.runtime.policy.policy.retention.taskMs),
  });
}
