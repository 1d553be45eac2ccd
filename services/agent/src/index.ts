export { workerBundle } from "./bundle.ts";
export { availableSandboxes, type Sandbox, sandboxLevel, strongestSandbox } from "./sandbox/detect.ts";
export { launch, type SandboxedProcess, type SandboxOptions } from "./sandbox/launch.ts";
export { describeLevel, SANDBOX_LEVELS, type SandboxLevel, type SandboxLevelName } from "./sandbox/level.ts";
