import { baseConfig } from "@bulkhead/service";
import { z } from "zod";

export const tasksConfig = baseConfig.extend({
  /** How long a host may hold a task without saving. */
  leaseMs: z.int().min(500).max(600_000).default(10_000),
  /** Failed attempts without progress after which a task is a dead letter. */
  maxAttempts: z.int().min(1).max(100).default(8),
});
export type TasksConfig = z.infer<typeof tasksConfig>;
