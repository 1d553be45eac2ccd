import { runService } from "@bulkhead/service";
import { watchdogConfig } from "./config.ts";
import { startWatchdog } from "./service.ts";

await runService(watchdogConfig, startWatchdog);
