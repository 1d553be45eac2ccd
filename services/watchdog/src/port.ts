import type { HeardDecision } from "@bulkhead/schemas";
import type { Runtime } from "@bulkhead/service";
import type { CollectionPort } from "@bulkhead/store";

export interface Watchdog
  extends Pick<Runtime, "bus" | "policy" | "control" | "labels" | "clock" | "audit" | "log" | "sign" | "signal"> {
  /** What this service itself has heard from operators. */
  readonly decisions: CollectionPort<HeardDecision>;
}
