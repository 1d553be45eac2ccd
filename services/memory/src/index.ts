export { memoryConfig } from "./config.ts";
export { startMemory } from "./service.ts";
