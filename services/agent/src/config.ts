import { token } from "@bulkhead/core";
import { baseConfig } from "@bulkhead/service";
import { z } from "zod";

export const agentConfig = baseConfig.extend({
  /** The agent kind; the identity is `host-<agent>`. */
  agent: token,
  /** A folder for the worker's bundle; no secrets are in it. */
  cacheDir: z.string(),
  /** A bundled worker, or the source of one to bundle. The built-in model loop by default. */
  worker: z.string().optional(),
  /** Tasks at one time; the policy's number by default. */
  concurrency: z.int().min(1).max(64).optional(),
  /** Workers started ahead. */
  warm: z.int().min(0).max(16).default(1),
  /** Refuse to start where only the weak sandbox level is at hand. */
  requireStrongSandbox: z.boolean().default(false),
});
export type AgentConfig = z.infer<typeof agentConfig>;
