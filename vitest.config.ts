import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/interop/**", "test/fixtures/**"],
    testTimeout: 600_000,
    hookTimeout: 600_000,
    maxWorkers: 2,
    pool: "forks",
  },
});
