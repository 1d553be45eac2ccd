export { type TasksConfig, tasksConfig } from "./config.ts";
export { startTasks } from "./service.ts";
