import { defineConfig } from "vitest/config";

// One worker without isolation: the test files share one Spark session.
export default defineConfig({
  test: {
    include: ["test/interop/**/*.test.ts"],
    testTimeout: 3_600_000,
    hookTimeout: 3_600_000,
    pool: "forks",
    maxWorkers: 1,
    isolate: false,
    fileParallelism: false,
  },
});
