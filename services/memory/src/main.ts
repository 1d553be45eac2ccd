import { runService } from "@bulkhead/service";
import { memoryConfig } from "./config.ts";
import { startMemory } from "./service.ts";

await runService(memoryConfig, startMemory);
