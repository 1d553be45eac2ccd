import { baseConfig } from "@bulkhead/service";
import { z } from "zod";

export const modelsConfig = baseConfig.extend({
  identity: z.literal("models"),
  /** One file of mode 0600 for each credential that a model class names: the provider's key. */
  credentialsDir: z.string(),
  /** Where the rehearsal model listens, if the policy names it. */
  rehearsalUrl: z.url().optional(),
});
export type ModelsConfig = z.infer<typeof modelsConfig>;
