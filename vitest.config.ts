import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Files that take longest, by the end of their path: they go first, so that no worker is left with one. */
const longest = [
  "conformance/dml-cases.test.ts",
  "monitors/thirty-versions.test.ts",
  "matrix/matrix.test.ts",
  "cli/examples.test.ts",
  "concurrency/real-processes.test.ts",
  "concurrency/kill-publish.test.ts",
  "concurrency/kill-resubmit.test.ts",
  "cli/commands.test.ts",
  "hostile/column-names.test.ts",
  "cli/output-files.test.ts",
  "hostile/hostile-readers.test.ts",
  "cli/quarantine.test.ts",
  "demo/demo.test.ts",
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const index = longest.findIndex((end) => moduleId.endsWith(end));
      return index < 0 ? longest.length : index;
    };
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}

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
    sequence: { sequencer: LongestFirst },
  },
});
