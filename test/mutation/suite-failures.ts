import type { Reporter, TestModule, TestSuite, Vitest } from "vitest/node";

/**
 * Makes failures outside of tests count, which Stryker does not look at: of a test file that cannot be loaded,
 * and of a hook around a whole file or suite. Without a mutant they end the run, with one they notice it.
 */
export class SuiteFailures implements Reporter {
  #vitest: Vitest | undefined;

  onInit(vitest: Vitest): void {
    this.#vitest = vitest;
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    for (const error of modules.flatMap(failuresOf)) this.#vitest?.state.catchError(error, "Suite Error");
  }
}

function failuresOf(module: TestModule): unknown[] {
  const suites: (TestModule | TestSuite)[] = [module, ...module.children.allSuites()];
  return suites.flatMap((suite) => suite.errors());
}
