export { type AuditFields, type AuditWriter } from "./audit.ts";
export { type BaseConfig, baseConfig, loadConfig } from "./config.ts";
export { type ControlReader, type ControlView } from "./control.ts";
export { type LabelStore } from "./labels.ts";
export { type Logger } from "./log.ts";
export { followPresence, type Presence } from "./presence.ts";
export { runService } from "./run.ts";
export { type Runtime } from "./runtime.ts";
