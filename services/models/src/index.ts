export { type ModelsConfig, modelsConfig } from "./config.ts";
export { startModels } from "./service.ts";
