import { fileURLToPath } from "node:url";
import type { LogLevel } from "@stryker-mutator/api/core";
import { Stryker } from "@stryker-mutator/core";
import { strykerRun } from "./stryker-run.ts";

// One run of Stryker in a process of its own, so that a run whose time is up can be stopped with all that it
// started.
const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

await new Stryker({
  mutate: [...strykerRun().sources],
  testRunner: "vitest",
  vitest: { configFile: "test/mutation/vitest.config.ts", related: false },
  plugins: ["@stryker-mutator/vitest-runner", here("plugins.ts")],
  checkers: ["sample"],
  ignorers: ["error-words", "loaded-once"],
  reporters: ["lines"],
  coverageAnalysis: "perTest",
  ignoreStatic: true,
  concurrency: 1,
  // The processes of Stryker load the plugins too.
  checkerNodeArgs: ["--import", "tsx"],
  testRunnerNodeArgs: ["--import", "tsx"],
  ignorePatterns: ["/dist", "/.cache", "/bench/**"],
  tempDirName: strykerRun().sandbox,
  cleanTempDir: "always",
  // There is no TypeScript API to rewrite it with, and nothing in it that a copy of the folder changes.
  tsconfigFile: "none",
  // A loaded machine must not pass for a mutant that hangs.
  timeoutMS: 120_000,
  timeoutFactor: 10,
  dryRunTimeoutMinutes: 30,
  logLevel: "warn" as LogLevel,
}).runMutationTest();
