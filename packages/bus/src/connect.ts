import { setTimeout as sleep } from "node:timers/promises";
import { BulkheadError, type Identity, signingKey, systemClock } from "@bulkhead/core";
import type { Policy } from "@bulkhead/schemas";
import { errors } from "@nats-io/transport-node";
import { openBucket } from "./bucket.ts";
import { consume } from "./consume.ts";
import { type DialOptions, dial } from "./dial.ts";
import { busError } from "./failures.ts";
import { hear, send } from "./hear.ts";
import type { BusEvent, Link } from "./link.ts";
import { createMux } from "./mux.ts";
import type { Bus } from "./port.ts";
import { publish } from "./publish.ts";
import { request } from "./request.ts";
import { serve } from "./serve.ts";

const FINISH_MS = 3_000;

/** How to connect. */
export interface ConnectOptions extends DialOptions {
  readonly identity: Pick<Identity, "identity" | "busSeed" | "signingSeed">;
  /** Public keys of all identities, from the signed policy. */
  readonly trust: Policy["trust"];
  /** Told what nobody asked for: refusals, drops, lost connections. */
  readonly onEvent?: (event: BusEvent) => void;
}

/**
 * Connects one identity to the bus.
 *
 * @throws BulkheadError `bus.plaintext`, `bus.unauthorized`, `bus.unavailable`, `config.invalid`
 */
export async function connectBus(options: ConnectOptions): Promise<Bus> {
  const nc = await dial(options);
  const closing = new AbortController();
  const link: Link = {
    nc,
    mux: createMux(nc, options.identity.identity),
    identity: options.identity.identity,
    key: signingKey(options.identity.signingSeed),
    trust: options.trust,
    clock: options.clock ?? systemClock,
    closing: closing.signal,
    gates: [],
    subscriptions: [],
    onReconnect: new Set(),
    report: options.onEvent ?? (() => undefined),
  };
  void watchStatus(link);
  return { ...members(link), [Symbol.asyncDispose]: async () => close(link, closing) };
}

function members(link: Link): Omit<Bus, typeof Symbol.asyncDispose> {
  return {
    request: async (name, body, how) => request(link, name, body, how),
    serve: (name, handler, how) => {
      serve(link, name, handler, how);
    },
    publish: async (name, body, how) => publish(link, name, body, how),
    consume: (name, handler, how) => {
      consume(link, name, handler, how);
    },
    send: (name, body, values) => {
      send(link, name, body, values);
    },
    hear: (name, handler) => {
      hear(link, name, handler);
    },
    bucket: (name) => openBucket(link, name),
  };
}

async function watchStatus(link: Link): Promise<void> {
  for await (const status of link.nc.status()) {
    if (status.type === "disconnect") link.report({ kind: "disconnected" });
    if (status.type === "error") onError(link, status.error);
    if (status.type !== "reconnect") continue;
    link.report({ kind: "connected" });
    for (const again of link.onReconnect) again();
  }
}

function onError(link: Link, error: Error): void {
  link.report({ kind: "error", error: busError(error) });
  if (error instanceof errors.PermissionViolationError && error.operation === "publish")
    link.mux.refused(error.subject, error);
}

/** Takes no more, finishes what is in hand, then closes. */
async function close(link: Link, closing: AbortController): Promise<void> {
  if (closing.signal.aborted) return;
  closing.abort(new BulkheadError("unavailable", "(closing)"));
  if (link.nc.isClosed()) return;
  await within(FINISH_MS, Promise.allSettled(link.subscriptions.map(async (subscription) => subscription.drain())));
  await within(FINISH_MS, Promise.all(link.gates.map(async (gate) => gate.idle())));
  await within(FINISH_MS, link.nc.flush());
  await link.nc.close();
}

async function within(durationMs: number, work: Promise<unknown>): Promise<void> {
  const timer = new AbortController();
  const late = sleep(durationMs, undefined, { signal: timer.signal }).catch(() => undefined);
  await Promise.race([work.catch(() => undefined), late]);
  timer.abort();
}
