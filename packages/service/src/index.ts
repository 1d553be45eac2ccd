export { type AuditFields, type AuditWriter } from "./audit.ts";
export { type BaseConfig, baseConfig, loadConfig } from "./config.ts";
export { type ControlReader, type ControlView, followControl } from "./control.ts";
export { readWord, type Word } from "./control-value.ts";
export { type LabelStore } from "./labels.ts";
export { type Logger } from "./log.ts";
export { followPresence, type Presence } from "./presence.ts";
export { runService } from "./run.ts";
export { type Runtime } from "./runtime.ts";
