import type { Envelope } from "@bulkhead/core";
import type { Action, Approval, Lease } from "@bulkhead/schemas";
import type { Runtime } from "@bulkhead/service";
import type { Flights } from "./course/flights.ts";
import type { Recorder } from "./events.ts";

export interface Gateway extends Pick<Runtime, "bus" | "policy" | "control" | "labels" | "clock" | "signal" | "sign"> {
  readonly record: Recorder;
  readonly flights: Flights;
}

/** A call that is well-formed: what is asked, by which lease, and what a person said to it. */
export interface Call {
  readonly action: Action;
  readonly digest: string;
  readonly lease: Lease;
  readonly leaseEnvelope: Envelope;
  readonly approval?: Approval;
}
