import { runService } from "@bulkhead/service";
import { agentConfig } from "./config.ts";
import { startAgent } from "./service.ts";

await runService(agentConfig, startAgent);
