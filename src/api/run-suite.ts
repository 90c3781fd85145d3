import type { CheckReport } from "../quality/gate/check-report.ts";
import type { RowFunction, Suite, SuiteJson } from "../quality/model/suite.ts";
import type { WriteProgress } from "../write/write-options.ts";
import { type Source, toSnapshots, toWriteSource } from "./source.ts";
import type { Table } from "./table.ts";
import type { TableVersion } from "./table-version.ts";

export interface RunSuiteOptions {
  /** What is tested, in words, for the report; default "source". */
  readonly name?: string | undefined;
  /** Tables that checks compare with, by the suite's names for them. */
  readonly tables?: Readonly<Record<string, Table | TableVersion>> | undefined;
  readonly functions?: Readonly<Record<string, RowFunction>> | undefined;
  /** The table whose batches the rows are compared with by checks of history; default: for a version of a table, the versions before it. */
  readonly history?: Table | TableVersion | undefined;
  /** Called in the phases `reading` and `checking`. */
  readonly onProgress?: ((progress: WriteProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs a suite over any source (files, rows, Arrow, SQL, a table or one of its versions) and writes nothing.
 *
 * @throws `SUITE_INVALID`, `SOURCE_UNREADABLE`, `SQL_REFUSED`, `SQL_FAILED`
 */
export async function runSuite(suite: SuiteJson | Suite, source: Source, options: RunSuiteOptions = {}): Promise<CheckReport> {
  const [{ duckdbEngine }, { checkSuite }, { unrecordedHistory }] = await Promise.all([
    import("../engine/session/session.ts"),
    import("../operations/check.ts"),
    import("../metrics/metrics.ts"),
  ]);
  const { tables, functions, history, name, onProgress, signal } = options;
  const { past } = toSnapshots(history === undefined ? {} : { past: history });
  return checkSuite(duckdbEngine, suite, toWriteSource(source), {
    name: name ?? "source",
    gateOptions: {
      tables: tables === undefined ? undefined : toSnapshots(tables),
      functions,
      history: past === undefined ? undefined : unrecordedHistory(past, "batch"),
    },
    onProgress,
    signal,
  });
}
