export { type WatchdogConfig, watchdogConfig } from "./config.ts";
export { startWatchdog } from "./service.ts";
