import { baseConfig } from "@bulkhead/service";
import { z } from "zod";

/** Relative paths of the connections' settings start at `projectDir`; `toolsDir` holds bundles, `credentialsDir` one file a secret. */
export const executorConfig = baseConfig.extend({
  projectDir: z.string().startsWith("/"),
  toolsDir: z.string().startsWith("/"),
  credentialsDir: z.string().startsWith("/"),
});
export type ExecutorConfig = z.infer<typeof executorConfig>;
