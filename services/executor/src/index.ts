export { type ExecutorConfig, executorConfig } from "./config.ts";
