import type { ProposalDocument } from "@bulkhead/schemas";
import type { Runtime } from "@bulkhead/service";
import type { CollectionPort } from "@bulkhead/store";
import type { Recorder } from "./events.ts";

export interface Proposals extends Pick<Runtime, "bus" | "policy" | "clock" | "log" | "signal"> {
  readonly documents: CollectionPort<ProposalDocument>;
  readonly record: Recorder;
  /** Ids that this process is busy with: not once-ness, only less noise. */
  readonly busy: Set<string>;
}
