import { baseConfig } from "@bulkhead/service";
import { z } from "zod";

export const proposalsConfig = baseConfig.extend({ identity: z.literal("proposals") });
export type ProposalsConfig = z.infer<typeof proposalsConfig>;
