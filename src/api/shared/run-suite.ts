import type { Suite, SuiteJson } from "../../quality/model/suite.ts";
import type { CheckReport } from "../../report/check-report.ts";
import { knownOptions } from "./known-options.ts";
import { toSnapshots, toWriteSource } from "./source.ts";
import { type RunSuiteOptions, runSuiteKeys, type Source } from "./table-options.ts";

/**
 * Runs a suite over any source (files, rows, Arrow, SQL, a table or one of its versions) and writes nothing.
 *
 * @throws `SUITE_INVALID`, `SOURCE_UNREADABLE`, `SQL_REFUSED`, `SQL_FAILED`
 *
 * @example
 * ```ts
 * import { check, runSuite, suite } from "varve";
 *
 * const positive = suite("positive", [check.positive("amount")]);
 * const report = await runSuite(positive, [{ amount: 1 }, { amount: -1 }]);
 * console.log(report.accepted, report.reasons);
 * ```
 */
export async function runSuite(
  suite: SuiteJson | Suite,
  source: Source,
  options: RunSuiteOptions = {},
): Promise<CheckReport> {
  const { tables, functions, history, name, s3, onProgress, signal } = knownOptions(
    "runSuite",
    options,
    runSuiteKeys,
  );
  const [{ duckdbEngine }, { checkSuite }, { unrecordedHistory }, { sourceAccess }] = await Promise.all([
    import("../../engine/session/session.ts"),
    import("../../operations/check.ts"),
    import("../../metrics/metrics.ts"),
    import("../../table/definition/open-context.ts"),
  ]);
  const { past } = toSnapshots(history === undefined ? {} : { past: history });
  return checkSuite(duckdbEngine, suite, toWriteSource(source), {
    name: name ?? "source",
    gateOptions: {
      tables: tables === undefined ? undefined : toSnapshots(tables),
      functions,
      history: past === undefined ? undefined : unrecordedHistory(past, "batch", { signal }),
    },
    access: sourceAccess({ s3 }),
    onProgress,
    signal,
  });
}
