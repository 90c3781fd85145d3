import type { LogSnapshot } from "../../log/contract.ts";
import type { Suite, SuiteJson } from "../../quality/model/suite.ts";
import type { CheckReport } from "../../report/check-report.ts";
import { knownOptions } from "./known-options.ts";
import { logOf, toSnapshots, toWriteSource } from "./source.ts";
import { type RunSuiteOptions, runSuiteKeys, type Source } from "./table-options.ts";

/**
 * Runs a suite over any source (files, rows, Arrow, SQL, a table or one of its versions) and writes nothing. With
 * `table`, this is the rehearsal of an append: all that it would test is tested.
 *
 * @throws `SUITE_INVALID`, `SOURCE_UNREADABLE`, `SQL_REFUSED`, `SQL_FAILED`; with `table`, also
 * `SCHEMA_MISMATCH` and `CONSTRAINT_VIOLATED`
 *
 * @example
 * ```ts
 * import { check, runSuite, suite } from "varve";
 *
 * const positive = suite("positive", [check.positive("amount")]);
 * const report = await runSuite(positive, [{ amount: 1 }, { amount: -1 }]);
 * console.log(report.accepted, report.reasons);
 *
 * const june = [{ id: 9n, customer: "acme", amount: 5 }];
 * console.log((await runSuite(positive, june, { table: orders })).accepted);
 * ```
 */
export async function runSuite(
  suite: SuiteJson | Suite,
  source: Source,
  options: RunSuiteOptions = {},
): Promise<CheckReport> {
  const { table, ...known } = knownOptions("runSuite", options, runSuiteKeys);
  const { defineSuite } = await import("../../quality/suite/define.ts");
  const defined = defineSuite(suite);
  return table === undefined
    ? checkAlone(defined, source, known)
    : rehearse(logOf(table), defined, source, known);
}

async function checkAlone(suite: Suite, source: Source, options: RunSuiteOptions) {
  const [{ duckdbEngine }, { checkSuite }, { sourceAccess }] = await Promise.all([
    import("../../engine/session/session.ts"),
    import("../../operations/check.ts"),
    import("../../table/definition/open-context.ts"),
  ]);
  const checkOptions = await toCheckOptions(options);
  return checkSuite(duckdbEngine, suite, toWriteSource(source), {
    ...checkOptions,
    access: sourceAccess({ s3: options.s3 }),
  });
}

/** Tests rows as an append to a version of a table would; without `suite`, with the table's own tests. */
export async function rehearse(
  table: LogSnapshot,
  suite: Suite | undefined,
  source: Source,
  options: Omit<RunSuiteOptions, "table">,
): Promise<CheckReport> {
  const { rehearseAppend } = await import("../../operations/rehearse.ts");
  return rehearseAppend(table, suite, toWriteSource(source), await toCheckOptions(options));
}

async function toCheckOptions({ tables, functions, history, name, onProgress, signal }: RunSuiteOptions) {
  const { unrecordedHistory } = await import("../../metrics/metrics.ts");
  const { past } = toSnapshots(history === undefined ? {} : { past: history });
  return {
    name: name ?? "source",
    gateOptions: {
      tables: tables === undefined ? undefined : toSnapshots(tables),
      functions,
      history: past === undefined ? undefined : unrecordedHistory(past, "batch", { signal }),
    },
    onProgress,
    signal,
  };
}
