/**
 * Owns: which reply belongs to which request, over one subscription for the life of a connection.
 * Does not own: what a reply says, whether to ask again (request.ts).
 * Invariants: a reply is taken once, by the one request whose random token it names; every request ends: by its reply, its time-out,
 * a refusal of the server, or the end of the connection.
 */
import { randomBytes } from "node:crypto";
import { BulkheadError } from "@bulkhead/core";
import { errors, type Msg, type MsgHdrs, type NatsConnection } from "@nats-io/transport-node";
import { busError } from "./failures.ts";

/** Asks with ready bytes. */
export interface Mux {
  /** Resolves with the reply. @throws NATS errors, or BulkheadError `bus.timeout|unavailable` */
  ask(subject: string, data: Uint8Array, options: { timeoutMs: number; headers?: MsgHdrs }): Promise<Msg>;
  /** The server refused to publish on this subject: whoever waits for an answer on it is told. */
  refused(subject: string, error: Error): void;
}

interface Waiting {
  readonly subject: string;
  readonly timer: NodeJS.Timeout;
  readonly resolve: (msg: Msg) => void;
  readonly reject: (error: Error) => void;
}

const NO_RESPONDERS = 503;
const TOKEN_BYTES = 16;

/** The mux of a connection. */
export function createMux(nc: NatsConnection, identity: string): Mux {
  const waiting = new Map<string, Waiting>();
  const prefix = `_INBOX.${identity}.${randomBytes(TOKEN_BYTES).toString("base64url")}.`;
  const take = (token: string): Waiting | undefined => {
    const found = waiting.get(token);
    if (found === undefined) return undefined;
    waiting.delete(token);
    clearTimeout(found.timer);
    return found;
  };
  nc.subscribe(`${prefix}*`, {
    callback: (error, msg) => {
      if (error) return;
      const found = take(msg.subject.slice(prefix.length));
      const nobody = msg.data.length === 0 && msg.headers?.code === NO_RESPONDERS;
      if (nobody) found?.reject(new errors.NoRespondersError(found.subject));
      else found?.resolve(msg);
    },
  });
  void nc.closed().then(() => {
    for (const token of [...waiting.keys()]) take(token)?.reject(new BulkheadError("bus.unavailable"));
  });
  return {
    ask: (subject, data, { timeoutMs, headers }) =>
      new Promise((resolve, reject) => {
        const token = randomBytes(TOKEN_BYTES).toString("base64url");
        const timer = setTimeout(
          () => take(token)?.reject(new BulkheadError("bus.timeout", `(${subject})`)),
          timeoutMs,
        );
        waiting.set(token, { subject, timer, resolve, reject });
        try {
          nc.publish(subject, data, { reply: prefix + token, ...(headers && { headers }) });
        } catch (error) {
          take(token);
          reject(busError(error));
        }
      }),
    refused: (subject, error) => {
      for (const [token, one] of waiting) if (one.subject === subject) take(token)?.reject(error);
    },
  };
}
