import type { ProposalDocument } from "@bulkhead/schemas";
import type { Presence, Runtime } from "@bulkhead/service";
import type { CollectionPort } from "@bulkhead/store";
import type { Recorder } from "./events.ts";
import type { EffectName } from "./proposal/proposal.machine.ts";

/** What an action of the machine does, in the background. */
export type Effect = (proposals: Proposals, document: ProposalDocument) => Promise<void>;

export interface Proposals extends Pick<Runtime, "bus" | "policy" | "control" | "clock" | "log" | "signal"> {
  readonly documents: CollectionPort<ProposalDocument>;
  readonly record: Recorder;
  readonly effects: Readonly<Record<EffectName, Effect>>;
  readonly presence: Presence;
  /** Transitions (`<id> <version>`) whose audit entries this process has seen acknowledged. */
  readonly acknowledged: Set<string>;
  /** What this process is busy with: not once-ness, only less noise. */
  readonly busy: Map<string, Promise<void>>;
}
