import { runService } from "@bulkhead/service";
import { tasksConfig } from "./config.ts";
import { startTasks } from "./service.ts";

await runService(tasksConfig, startTasks);
