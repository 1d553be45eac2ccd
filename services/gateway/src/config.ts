import { baseConfig } from "@bulkhead/service";
import { z } from "zod";

export const gatewayConfig = baseConfig.extend({ identity: z.literal("gateway") });
export type GatewayConfig = z.infer<typeof gatewayConfig>;
