import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/interop/**", "test/fixtures/**"],
    globalSetup: ["test/support/print-seed.ts"],
    testTimeout: 600_000,
    hookTimeout: 600_000,
    // each file opens engines of its own, which take memory
    maxWorkers: Math.min(6, Math.max(2, availableParallelism())),
    pool: "forks",
  },
});
