import { defineConfig } from "vitest/config";
import { mutationGroup, testsLeftOut } from "./groups.ts";
import { strykerRun } from "./stryker-run.ts";
import { SuiteFailures } from "./suite-failures.ts";

export default defineConfig({
  test: {
    include: mutationGroup(strykerRun().group).tests.map((glob) =>
      glob.endsWith(".ts") ? glob : `${glob}/*.test.ts`,
    ),
    exclude: [...testsLeftOut],
    reporters: [new SuiteFailures()],
    // One load of the sources for all test files of a run.
    isolate: false,
    env: { VARVE_SIMULATION_SEEDS: "80" },
    // A mutant that never ends is stopped by Stryker's own limit, which knows how long the test takes without
    // it.
    testTimeout: 600_000,
    hookTimeout: 600_000,
  },
});
