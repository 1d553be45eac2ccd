import type { Bus } from "@bulkhead/bus";
import type { Clock } from "@bulkhead/core";
import type { PipeTool } from "@bulkhead/schemas";
import type { AuditWriter, ControlReader, Logger } from "@bulkhead/service";

export type TaskPort = Pick<Bus, "request">;

/** What a run needs of its host. */
export interface HostPort {
  readonly agent: { readonly name: string; readonly purpose: string };
  readonly tools: readonly PipeTool[];
  readonly bus: TaskPort;
  readonly audit: AuditWriter;
  readonly control: ControlReader;
  readonly clock: Clock;
  readonly log: Logger;
}
