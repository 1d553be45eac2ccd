import { parseJson } from "@bulkhead/core";
import { type BodyOf, CONTRACTS } from "@bulkhead/schemas";
import type { Msg } from "@nats-io/transport-node";
import type { Link } from "./link.ts";
import { parseSubject, servedSubject } from "./participants.ts";
import type { BroadcastName, Heard, SubjectValues } from "./port.ts";
import { parseBody, seal, subjectFor, unseal } from "./seal.ts";

/** Sends a hint or beat. See the port. */
export function send<N extends BroadcastName>(link: Link, name: N, body: BodyOf<N>, values?: SubjectValues): void {
  link.nc.publish(subjectFor(link, name, values), seal(link, name, body));
}

/** Hears hints or beats. See the port. */
export function hear<N extends BroadcastName>(link: Link, name: N, handler: (message: Heard<N>) => void): void {
  const subject = servedSubject(CONTRACTS[name], link.identity);
  const onMessage = (error: Error | null, msg: Msg): void => {
    try {
      if (error) throw error;
      handler(read(link, name, msg));
    } catch (cause) {
      link.report({ kind: "dropped", subject, error: cause });
    }
  };
  link.subscriptions.push(link.nc.subscribe(subject, { callback: onMessage }));
}

function read<N extends BroadcastName>(link: Link, name: N, msg: Msg): Heard<N> {
  if (CONTRACTS[name].signed) return unseal(link, name, msg.subject, msg.data);
  const values = parseSubject(CONTRACTS[name].subject, msg.subject) ?? {};
  return { body: parseBody(name, parseJson(msg.data)), values };
}
