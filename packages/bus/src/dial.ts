import { setTimeout as sleep } from "node:timers/promises";
import { type Clock, type Identity, isBulkheadError, systemClock } from "@bulkhead/core";
import { connect, type NatsConnection, nkeyAuthenticator } from "@nats-io/transport-node";
import { busError } from "./failures.ts";
import { needsTls } from "./url.ts";

const HANDSHAKE_TIMEOUT_MS = 2_000;
const RETRY_MS = 250;
const CONNECT_TIMEOUT_MS = 10_000;

/** Where the server is, and who connects. */
export interface DialOptions {
  /** `nats://` on loopback, else `tls://`. */
  readonly url: string;
  /** PEM of the authority that signed the server's certificate, if it is not a public one. */
  readonly ca?: string;
  readonly identity: Pick<Identity, "identity" | "busSeed">;
  /** How long to keep trying at first: 10 s by default. Later it reconnects for ever. */
  readonly connectTimeoutMs?: number;
  readonly clock?: Clock;
  readonly signal?: AbortSignal;
}

/** A connection. @throws BulkheadError `bus.plaintext|unauthorized|unavailable`, `config.invalid` */
export async function dial(options: DialOptions): Promise<NatsConnection> {
  const tls = needsTls(options.url) ? { tls: options.ca === undefined ? {} : { ca: options.ca } } : {};
  const clock = options.clock ?? systemClock;
  const deadline = clock.monotonic() + (options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS);
  for (;;) {
    options.signal?.throwIfAborted();
    try {
      return await once(options, tls);
    } catch (error) {
      const failure = busError(error);
      if (isBulkheadError(failure, "bus.unauthorized") || clock.monotonic() >= deadline) throw failure;
      await sleep(RETRY_MS, undefined, options.signal && { signal: options.signal });
    }
  }
}

async function once({ url, identity }: DialOptions, tls: object): Promise<NatsConnection> {
  return connect({
    servers: url,
    name: identity.identity,
    authenticator: nkeyAuthenticator(new TextEncoder().encode(identity.busSeed)),
    inboxPrefix: `_INBOX.${identity.identity}`,
    timeout: HANDSHAKE_TIMEOUT_MS,
    maxReconnectAttempts: -1,
    reconnectTimeWait: RETRY_MS,
    ignoreAuthErrorAbort: true,
    ignoreClusterUpdates: true,
    pingInterval: 5_000,
    noAsyncTraces: true,
    ...tls,
  });
}
