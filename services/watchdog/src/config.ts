import { baseConfig } from "@bulkhead/service";
import { z } from "zod";

export const watchdogConfig = baseConfig.extend({ identity: z.literal("watchdog") });
export type WatchdogConfig = z.infer<typeof watchdogConfig>;
