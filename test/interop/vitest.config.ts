import { defineConfig } from "vitest/config";

// One worker without isolation: the test files share one Spark session.
export default defineConfig({
  test: {
    include: ["test/interop/**/*.test.ts"],
    testTimeout: 900_000,
    hookTimeout: 900_000,
    pool: "forks",
    maxWorkers: 1,
    isolate: false,
    fileParallelism: false,
  },
});
