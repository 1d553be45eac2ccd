import { baseConfig } from "@bulkhead/service";
import { z } from "zod";
import { Thresholds } from "./watch/thresholds.ts";

export const watchdogConfig = baseConfig.extend({
  identity: z.literal("watchdog"),
  watch: Thresholds.prefault({}),
});
export type WatchdogConfig = z.infer<typeof watchdogConfig>;
