import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["{schemas,packages,services,examples}/**/src/**/*.test.ts", "test/**/*.test.ts"],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    // A machine that runs others' work besides can starve one of twenty processes past a deadline. Once more, then, and vitest says so.
    retry: process.env["CI"] === undefined ? 0 : 1,
    // Whose shell names a model must not have the suite talk to it.
    env: { OPENAI_BASE_URL: "", OPENAI_API_KEY: "" },
  },
});
