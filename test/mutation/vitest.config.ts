import { relative } from "node:path";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { mutationGroup, testRank, testsLeftOut } from "./groups.ts";
import { strykerRun } from "./stryker-run.ts";
import { SuiteFailures } from "./suite-failures.ts";

const group = mutationGroup(strykerRun().group);

/** Asks the tests in the order of the group's list. */
class ListedOrder extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number =>
      testRank(group, relative(process.cwd(), moduleId));
    return files.toSorted((a, b) => rank(a) - rank(b) || (a.moduleId < b.moduleId ? -1 : 1));
  }
}

export default defineConfig({
  test: {
    include: group.tests.map((glob) => (glob.endsWith(".ts") ? glob : `${glob}/*.test.ts`)),
    exclude: [...testsLeftOut],
    reporters: [new SuiteFailures()],
    sequence: { sequencer: ListedOrder },
    // One load of the sources for all test files of a run.
    isolate: false,
    env: { VARVE_SIMULATION_SEEDS: "80" },
    // A mutant that never ends is stopped by Stryker's own limit, which knows how long the test takes without
    // it.
    testTimeout: 600_000,
    hookTimeout: 600_000,
  },
});
