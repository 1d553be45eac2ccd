import { setTimeout as sleep } from "node:timers/promises";
import { errors, type NatsConnection } from "@nats-io/transport-node";
import { type DialOptions, dial } from "./dial.ts";

/** Something that a key should not be able to do. */
export interface Probe {
  readonly operation: "publish" | "subscribe";
  readonly subject: string;
}

const ANSWER_MS = 300;

/**
 * Tries with a real key what it should not be able to do, each with an empty message, and gives what the server let pass
 * (`bulkhead doctor`). Nobody acts on an empty message.
 *
 * @throws BulkheadError as `connectBus`
 */
export async function probePermissions(options: DialOptions, probes: readonly Probe[]): Promise<readonly Probe[]> {
  const nc = await dial(options);
  try {
    const refused = collectRefusals(nc);
    for (const { operation, subject } of probes) {
      if (operation === "publish") nc.publish(subject);
      else nc.subscribe(subject, { callback: () => undefined });
    }
    await nc.flush();
    await sleep(ANSWER_MS);
    return probes.filter(({ operation, subject }) => !refused.has(`${operation} ${subject}`));
  } finally {
    await nc.close();
  }
}

function collectRefusals(nc: NatsConnection): ReadonlySet<string> {
  const refused = new Set<string>();
  void (async () => {
    for await (const status of nc.status()) {
      if (status.type !== "error" || !(status.error instanceof errors.PermissionViolationError)) continue;
      const operation: Probe["operation"] = status.error.operation === "publish" ? "publish" : "subscribe";
      refused.add(`${operation} ${status.error.subject}`);
    }
  })();
  return refused;
}
