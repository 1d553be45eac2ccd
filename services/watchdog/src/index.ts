export { type WatchdogConfig, watchdogConfig } from "./config.ts";
export { judge, type RuleFacts } from "./rules/judge.ts";
export { startWatchdog } from "./service.ts";
