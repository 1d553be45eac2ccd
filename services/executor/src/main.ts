import { runService } from "@bulkhead/service";
import { executorConfig } from "./config.ts";
import { createExecutor } from "./service.ts";

await runService(executorConfig, createExecutor);
