import type { Envelope } from "@bulkhead/core";
import type { Permission } from "@bulkhead/policy";
import type { Action, Approval, Tier } from "@bulkhead/schemas";
import type { Runtime } from "@bulkhead/service";
import type { Flights } from "./course/flights.ts";
import type { Recorder } from "./events.ts";

export interface Gateway
  extends Pick<Runtime, "bus" | "policy" | "control" | "labels" | "clock" | "log" | "signal" | "sign"> {
  readonly record: Recorder;
  readonly flights: Flights;
}

/** A call that is well-formed: what is asked, by which lease, and what persons said to it. */
export interface Call {
  readonly action: Action;
  readonly digest: string;
  /** The strictest ceiling along the delegation chain. */
  readonly ceiling: Tier;
  readonly leaseEnvelope: Envelope;
  /** Of a released or undone proposal: its terms and decisions, verified. */
  readonly approval?: Approval;
  readonly permission?: Permission;
  /** Of an undo or an edit: the action that the terms are about. */
  readonly original?: Action;
  /** Of an edit: it opens another proposal in the place of this one. */
  readonly edits?: Approval;
  /** The digest of the state that a held call was held for. */
  readonly before?: string;
}
