export { workerBundle } from "./bundle.ts";
export { Dispatcher, type DispatcherOptions } from "./dispatcher.ts";
export { WorkerProcess } from "./pipe/worker-process.ts";
export { type PoolOptions, WorkerPool } from "./pool.ts";
export type { HostPort } from "./ports.ts";
export { availableSandboxes, type Sandbox, sandboxLevel, strongestSandbox } from "./sandbox/detect.ts";
export { launch, type SandboxedProcess, type SandboxOptions } from "./sandbox/launch.ts";
export { describeLevel, SANDBOX_LEVELS, type SandboxLevel, type SandboxLevelName } from "./sandbox/level.ts";
