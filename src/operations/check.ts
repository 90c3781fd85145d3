import { type BaselineTables, tableBaselines } from "../baselines/table-baselines.ts";
import type { Engine } from "../engine/core/contract.ts";
import type { LogSnapshot } from "../log/contract.ts";
import { openLog } from "../log/snapshot/open-log.ts";
import { metricSeries, unrecordedHistory } from "../metrics/metrics.ts";
import { evaluateGate } from "../quality/gate/gate.ts";
import type { Suite, SuiteJson } from "../quality/model/suite.ts";
import { defineSuite } from "../quality/suite/define.ts";
import { suiteNeeds } from "../quality/suite/needs.ts";
import {
  type CheckReport,
  checkReport,
  type MetricSeries,
  type VersionTests,
} from "../report/check-report.ts";
import { appendAll } from "../util/append-all.ts";
import { isJsonObject, type JsonObject } from "../util/json.ts";
import { realWorld, type World } from "../util/world.ts";
import { openCompared } from "../write/plan/compared-tables.ts";
import { type FetchedSource, type FetchServices, withFetchedFiles } from "../write/plan/fetched-source.ts";
import { readingProgress } from "../write/plan/reading-progress.ts";
import type { GateOptions, WriteProgress } from "../write/plan/write-options.ts";
import { stageWriteSource, type WriteSource } from "../write/plan/write-source.ts";
import { type HistoryEntry, readHistory } from "./history.ts";

export interface CheckOptions extends FetchServices {
  /** Text for the report that says what is tested. */
  readonly name: string;
  readonly gateOptions?: GateOptions | undefined;
  readonly world?: World | undefined;
  /**
   * Metrics over versions to show next to the verdict; default: the recorded metrics of a table's versions.
   */
  readonly metrics?: readonly MetricSeries[] | undefined;
  /** Called in the phases `fetching`, `reading` and `checking`. */
  readonly onProgress?: ((progress: WriteProgress) => void) | undefined;
}

/**
 * Runs a suite over any source, without writing anything: files, rows, Arrow, SQL, or a version of a table.
 *
 * For a version of a table, the report includes the test results of its versions, and checks of history
 * compare its rows with those of the versions before it.
 *
 * @throws `SUITE_INVALID`, `SOURCE_UNREADABLE`, `SQL_REFUSED`, `SQL_FAILED`, errors of the tables that are
 * read
 */
export async function checkSuite(
  engine: Engine,
  suite: SuiteJson | Suite,
  source: WriteSource,
  options: CheckOptions,
): Promise<CheckReport> {
  const defined = defineSuite(suite);
  return withFetchedFiles(source, options, (fetched) => checkLocal(engine, defined, fetched, options));
}

async function checkLocal(
  engine: Engine,
  defined: Suite,
  { source, fileNames }: FetchedSource,
  options: CheckOptions,
): Promise<CheckReport> {
  const world = options.world ?? realWorld;
  const start = world.now();
  await using session = await engine.open({ signal: options.signal });
  const readable: string[] = [];
  const { gateOptions, signal } = options;
  const versions = { tables: gateOptions?.tables, signal };
  const relations = await openCompared(session, defined, versions, readable);
  options.onProgress?.({ phase: "reading" });
  const staged = await stageWriteSource(session, source, {
    positions: suiteNeeds(defined).positions,
    fileNames,
    onProgress: readingProgress(options.onProgress),
    signal: options.signal,
  });
  appendAll(readable, staged.files);
  const earlier =
    gateOptions?.history ?? (isSnapshot(source) ? unrecordedHistory(source, "table", { signal }) : undefined);
  options.onProgress?.({ phase: "checking" });
  const verdict = await evaluateGate(session, defined, staged.relation, {
    now: world.now(),
    relations,
    fence: () => session.fence({ files: readable }),
    functions: gateOptions?.functions,
    history: earlier,
    baselines: tableBaselines({ ...versionsBefore(source), tables: gateOptions?.tables, signal }),
  });
  const seconds = (world.now() - start) / 1000;
  const history = isSnapshot(source) ? await versionTests(source) : [];
  const metrics =
    options.metrics ??
    (isSnapshot(source)
      ? (await metricSeries(source, { signal })).map((series) => upTo(series, source.version))
      : []);
  return checkReport(verdict, {
    source: options.name,
    timestamp: new Date(start),
    seconds,
    history,
    metrics,
  });
}

/** A version of a table is compared with the one before it, unless a check names another. */
function versionsBefore(source: WriteSource): Pick<BaselineTables, "target" | "before"> {
  if (!isSnapshot(source)) return {};
  const { context, version } = source;
  if (version === 0) return { target: source, before: "nothing" };
  return { target: source, before: () => openLog(context, { version: version - 1 }) };
}

function upTo(series: MetricSeries, version: number): MetricSeries {
  return { ...series, points: series.points.filter((point) => point.version <= version) };
}

function isSnapshot(source: WriteSource): source is LogSnapshot {
  return typeof source === "object" && "context" in source && "version" in source && "metadata" in source;
}

/** Verdicts of the gates of a table's versions, newest first; versions that no gate tested are left out. */
async function versionTests(snapshot: LogSnapshot, limit = 100): Promise<VersionTests[]> {
  const entries = await readHistory(snapshot.context, { limit, checkFiles: false });
  return entries.flatMap((entry) =>
    entry.gate === undefined || entry.version > snapshot.version ? [] : [testsOf(entry, entry.gate)],
  );
}

function testsOf(entry: HistoryEntry, gate: JsonObject): VersionTests {
  const count = (name: string) => (typeof gate[name] === "number" ? gate[name] : 0);
  const checks = Array.isArray(gate["checks"]) ? gate["checks"] : [];
  return {
    version: entry.version,
    timestamp: entry.timestamp,
    operation: entry.operation ?? "",
    rows: count("rows"),
    quarantined: count("quarantined"),
    dropped: count("dropped"),
    failedChecks: checks.flatMap((check) =>
      isJsonObject(check) && check["success"] === false ? [String(check["id"])] : [],
    ),
  };
}
