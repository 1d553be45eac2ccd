import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["{schemas,packages,services,examples}/**/src/**/*.test.ts", "test/**/*.test.ts"],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    // Whose shell names a model must not have the suite talk to it.
    env: { OPENAI_BASE_URL: "", OPENAI_API_KEY: "" },
  },
});
