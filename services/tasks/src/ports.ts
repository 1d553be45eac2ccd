import type { AgentDocument, DeadDocument, TaskDocument } from "@bulkhead/schemas";
import type { Runtime } from "@bulkhead/service";
import type { CollectionPort } from "@bulkhead/store";
import type { TasksConfig } from "./config.ts";
import type { Recording } from "./task/recording.ts";
import type { Waiters } from "./waiters.ts";

export interface Tasks {
  readonly runtime: Runtime<TasksConfig>;
  readonly tasks: CollectionPort<TaskDocument>;
  readonly agents: CollectionPort<AgentDocument>;
  readonly dead: CollectionPort<DeadDocument>;
  readonly recording: Recording;
  /** Those who wait in `next`, by agent. */
  readonly waiters: Waiters;
}
