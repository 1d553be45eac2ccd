import { runService } from "@bulkhead/service";
import { modelsConfig } from "./config.ts";
import { startModels } from "./service.ts";

await runService(modelsConfig, startModels);
