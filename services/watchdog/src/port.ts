import { type Judging, type Rules, revokedOf } from "@bulkhead/policy";
import type {
  AccountDocument,
  AnomalyDocument,
  HeardDecision,
  SightingsDocument,
  ValidatedDocument,
} from "@bulkhead/schemas";
import type { Presence, Runtime } from "@bulkhead/service";
import type { CollectionPort } from "@bulkhead/store";

export interface Watchdog
  extends Pick<
    Runtime,
    "bus" | "instance" | "policy" | "control" | "labels" | "clock" | "audit" | "log" | "sign" | "signal"
  > {
  /** What this service itself has heard from operators. */
  readonly decisions: CollectionPort<HeardDecision>;
  /** What it has seen before it became a proposal. */
  readonly validated: CollectionPort<ValidatedDocument>;
  readonly presence: Presence;
  /** The house's business rules, parsed at the start. */
  readonly rules: Rules;
  /** What cumulative limits have taken. */
  readonly accounts: CollectionPort<AccountDocument>;
  /** What its replicas saw of the record, and what they reported. */
  readonly sightings: CollectionPort<SightingsDocument>;
  readonly anomalies: CollectionPort<AnomalyDocument>;
}

/** What operators' decisions are judged by at this moment. */
export function judging({ clock, control }: Pick<Watchdog, "clock" | "control">): Judging {
  return { now: clock.now(), revoked: revokedOf(control.view()) };
}
