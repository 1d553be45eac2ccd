import type { LoadedPolicy } from "@bulkhead/policy";
import type { Scope, Sighting } from "@bulkhead/schemas";
import type { Thresholds } from "./thresholds.ts";

/** What kinds there are; each is the code of its audit entry. */
export type AnomalyCode =
  | "anomaly.stuck-proposal"
  | "anomaly.no-outcome"
  | "anomaly.unsigned"
  | "anomaly.silent"
  | "anomaly.loop"
  | "anomaly.burst"
  | "anomaly.sequence"
  | "anomaly.outside-unknown"
  | "anomaly.outside-missing";

/** Something that should not be. */
export interface Anomaly {
  readonly code: AnomalyCode;
  /** What it is about: with the code it names the anomaly, which is reported once. */
  readonly key: string;
  readonly about: Partial<Pick<Sighting, "agent" | "task" | "callId" | "tool" | "proposal" | "effect">>;
  readonly count?: number;
  /** Set when it is serious: nothing of this runs any longer. */
  readonly quarantine?: Scope;
}

/** What detectors look at: everything that was seen within the window, in the order of time. */
export interface View {
  readonly window: readonly Sighting[];
  readonly now: number;
  readonly policy: LoadedPolicy;
  readonly thresholds: Thresholds;
}

/** Finds one kind of anomaly. Pure. */
export type Detector = (view: View) => readonly Anomaly[];

/** A quarantine of the tool set to which a tool belongs; of the tool itself, if the policy does not know it. */
export function toolsetOf(policy: LoadedPolicy, tool: string | undefined): Scope | undefined {
  if (tool === undefined) return undefined;
  const toolset = policy.tool(tool)?.toolset;
  return toolset === undefined ? undefined : { kind: "toolset", name: toolset };
}
