import { baseConfig } from "@bulkhead/service";

export const memoryConfig = baseConfig;
