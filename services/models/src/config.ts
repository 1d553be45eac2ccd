import { baseConfig } from "@bulkhead/service";
import { z } from "zod";

/** `rehearsalUrl`: where the rehearsal model runs, used only where the signed policy names it. */
export const modelsConfig = baseConfig.extend({
  identity: z.literal("models"),
  credentialsDir: z.string().startsWith("/"),
  rehearsalUrl: z.string().optional(),
});
export type ModelsConfig = z.infer<typeof modelsConfig>;
