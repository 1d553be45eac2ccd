import type { Clock, SigningKey } from "@bulkhead/core";
import type { Policy } from "@bulkhead/schemas";
import type { NatsConnection, Subscription } from "@nats-io/transport-node";
import type { Gate } from "./gate.ts";
import type { Mux } from "./mux.ts";

/** Something that happened on the bus and that nobody asked for: to be logged and counted by the service runtime. */
export interface BusEvent {
  readonly kind: "connected" | "disconnected" | "refused" | "dropped" | "error";
  readonly subject?: string;
  readonly error?: unknown;
}

/** What the parts of the bus share. Not seen outside this package. */
export interface Link {
  readonly nc: NatsConnection;
  readonly mux: Mux;
  readonly identity: string;
  readonly key: SigningKey;
  readonly trust: Policy["trust"];
  readonly clock: Clock;
  /** Aborts when the bus closes. */
  readonly closing: AbortSignal;
  /** Everything that has to be finished before the connection closes. */
  readonly gates: Gate[];
  readonly subscriptions: Subscription[];
  /** Called after each reconnect. */
  readonly onReconnect: Set<() => void>;
  readonly report: (event: BusEvent) => void;
}
