import type { DriftCauseName } from "../../performance/drift-cause.ts";
import { arrayOf, schema } from "../../schema/builder.ts";
import type { SideTableOptions } from "../../sidetables/side-table.ts";
import { joinSql, type SqlExpression, type SqlSelect, sql } from "../../sql/sql.ts";
import { quoteText } from "../../sql/sql-text.ts";
import { appendAll } from "../../util/append-all.ts";
import {
  appendOnce,
  type DriftStore,
  type MonitoredTable,
  newestGeneration,
  readStore,
} from "./drift-store.ts";
import type {
  MonitoredEstimate,
  MonitoredMetric,
  PerformancePart,
  PerformanceReport,
  PerformanceState,
} from "./performance-record.ts";
import { windowsTogether } from "./performance-text.ts";
import { itemsOf, numberOrNull, type PlainRow, structOrNull, textOrNull } from "./stored-row.ts";

/**
 * One row for each evaluation of a version, without a metric, and one for each metric of it; the same of each slice or
 * window. Rows without a version are about the baseline.
 */
const performanceStore: DriftStore = {
  folder: "performance",
  description: "How well models did on the versions of the table above, as its monitors found",
  indexed: "table_id,monitor,version,metric,state,window",
  columns: schema()
    .string("table_id", { nullable: false, comment: "id of the table's metadata: the folder may outlive it" })
    .string("monitor", { nullable: false })
    .string("run_id", { nullable: false })
    .timestamp("at", { nullable: false })
    .string("performance_hash", { nullable: false })
    .string("code_version", { nullable: false })
    .string("bins_id")
    .long("version", { comment: "null: the rows of the baseline" })
    .string("outcome_table")
    .long("outcome_version")
    .string("state", { nullable: false, comment: "evaluated, immature, refused or unreadable" })
    .long("rows")
    .long("labelled")
    .double("reached")
    .long("repeated")
    .string("cause")
    .string("because")
    .string("text")
    .long("part", { comment: "place among the slices and windows of the evaluation; null: all rows" })
    .struct("slice", schema().string("key").string("value"))
    .string("window")
    .struct(
      "estimate",
      schema()
        .string("method")
        .double("coverage")
        .column("unreliable", arrayOf("string"))
        .string("cannot_see")
        .string("reason"),
    )
    .long("rank", { comment: "place of the metric in the definition" })
    .string("metric", { comment: "null: the evaluation as a whole" })
    .double("value")
    .double("low")
    .double("high")
    .string("reason")
    .double("baseline")
    .double("baseline_low")
    .double("baseline_high")
    .double("estimated", { comment: "expected without outcomes" })
    .double("estimated_low")
    .double("estimated_high")
    .string("better", { comment: "higher, lower, or null where neither is" })
    .build(),
};

/**
 * Records an evaluation once for each version, version of the outcomes, definition and generation of bins.
 *
 * @returns whether it landed; another process may have been faster
 */
export function writePerformance(
  table: MonitoredTable,
  { metrics, parts, estimate, ...report }: PerformanceReport,
  options: SideTableOptions = {},
): Promise<boolean> {
  const head = { ...report, at: new Date(report.at) };
  const ranked = (of: object, own: readonly MonitoredMetric[]) =>
    own.map((metric, rank) => ({ ...of, rank, ...metric }));
  const rows: object[] = [{ ...head, estimate }, ...ranked(head, metrics)];
  for (const [index, { metrics: own, ...part }] of parts.entries()) {
    const of = { ...head, ...part, part: index };
    rows.push({ ...of, estimate: null });
    appendAll(rows, ranked({ ...of, estimate: null }, own));
  }
  const { monitor, version, performance_hash, bins_id, outcome_version } = report;
  const key = [monitor, version ?? "baseline", performance_hash, bins_id, outcome_version];
  return appendOnce(table, performanceStore, { key, rows }, options);
}

/** Which evaluations to read. */
export interface PerformanceSelection {
  readonly monitor: string;
  /** Those of the baseline instead of those of versions. */
  readonly ofBaseline?: boolean | undefined;
  /** First and last version. */
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  /** Only those of this definition. */
  readonly performanceHash?: string | undefined;
  /** Also those by fewer outcomes, which later ones took the place of. */
  readonly allOutcomes?: boolean | undefined;
}

/**
 * Reads evaluations by version, oldest first; by default the newest of each version, with the newest of each of its
 * slices and windows.
 */
export async function readPerformance(
  table: MonitoredTable,
  { monitor, ofBaseline = false, from, to, performanceHash, allOutcomes = false }: PerformanceSelection,
  options: SideTableOptions = {},
): Promise<PerformanceReport[]> {
  const conditions: SqlExpression[] = [
    sql`monitor = ${quoteText(monitor)}`,
    ofBaseline ? sql`version IS NULL` : sql`version IS NOT NULL`,
    ...(from === undefined ? [] : [sql`version >= ${from}`]),
    ...(to === undefined ? [] : [sql`version <= ${to}`]),
    ...(performanceHash === undefined ? [] : [sql`performance_hash = ${quoteText(performanceHash)}`]),
  ];
  const select = (rows: SqlSelect) =>
    sql`SELECT * REPLACE (epoch_ms("at") AS "at") FROM (${allOutcomes ? rows : newestOf(rows)}) ORDER BY version, outcome_version NULLS FIRST, "at", run_id, part NULLS FIRST, rank NULLS FIRST`;
  const where = joinSql(conditions, sql` AND `);
  const rows = await readStore(table, performanceStore, { where, select }, options);
  return reportsOf(rows, allOutcomes);
}

/** The newest evaluation of each version, and of its parts the newest by the same definition and bins. */
function newestOf(rows: SqlSelect): SqlSelect {
  const order = sql`outcome_version DESC NULLS LAST, ${newestGeneration}, "at" DESC, run_id DESC`;
  const whole = sql`SELECT version AS v, performance_hash AS h, bins_id AS b FROM (${rows}) WHERE part IS NULL QUALIFY row_number() OVER (PARTITION BY version ORDER BY ${order}) = 1`;
  const alike = sql`SELECT r.* FROM (${rows}) AS r JOIN (${whole}) AS w ON r.version IS NOT DISTINCT FROM w.v AND r.performance_hash = w.h AND r.bins_id IS NOT DISTINCT FROM w.b`;
  return sql`SELECT * FROM (${alike}) QUALIFY dense_rank() OVER (PARTITION BY version, slice, "window" ORDER BY ${order}) = 1`;
}

type OpenReport = PerformanceReport & {
  readonly metrics: MonitoredMetric[];
  readonly parts: OpenPart[];
};
type OpenPart = PerformancePart & { readonly metrics: MonitoredMetric[] };

function reportsOf(rows: readonly PlainRow[], byRun: boolean): PerformanceReport[] {
  const idOf = (row: PlainRow) => String(byRun ? row["run_id"] : row["version"]);
  const reports = new Map<string, OpenReport>();
  for (const row of rows)
    if (textOrNull(row["metric"]) === null && numberOrNull(row["part"]) === null)
      reports.set(idOf(row), reportOf(row));
  const parts = new Map<string, OpenPart>();
  for (const row of rows) {
    const report = reports.get(idOf(row));
    if (report === undefined) continue;
    const metric = textOrNull(row["metric"]);
    const place = numberOrNull(row["part"]);
    if (place === null) {
      if (metric !== null) report.metrics.push(metricOf(row));
      continue;
    }
    const id = JSON.stringify([idOf(row), row["run_id"], place]);
    if (metric === null) {
      const part = partOf(row);
      parts.set(id, part);
      report.parts.push(part);
    } else parts.get(id)?.metrics.push(metricOf(row));
  }
  for (const { parts: own } of reports.values()) own.sort(byPlace);
  // Late outcomes evaluate some windows of a version again; the version is all of them.
  return [...reports.values()].map((report) => (byRun ? report : { ...report, ...windowsTogether(report) }));
}

/** Windows by time; slices as the definition has them. */
function byPlace({ window: one }: PerformancePart, { window: other }: PerformancePart): number {
  return one === null || other === null || one === other ? 0 : one < other ? -1 : 1;
}

function partOf(row: PlainRow): OpenPart {
  const slice = structOrNull(row["slice"]);
  const key = textOrNull(slice?.["key"]);
  return {
    slice: key === null ? null : { key, value: textOrNull(slice?.["value"]) },
    window: textOrNull(row["window"]),
    state: row["state"] === "evaluated" ? "evaluated" : "immature",
    rows: numberOrNull(row["rows"]) ?? 0,
    labelled: numberOrNull(row["labelled"]) ?? 0,
    reached: numberOrNull(row["reached"]),
    cause: textOrNull(row["cause"]) as DriftCauseName | null,
    because: textOrNull(row["because"]),
    text: textOrNull(row["text"]) ?? "",
    metrics: [],
  };
}

function reportOf(row: PlainRow): OpenReport {
  return {
    monitor: String(row["monitor"]),
    run_id: String(row["run_id"]),
    at: new Date(numberOrNull(row["at"]) ?? 0).toISOString(),
    performance_hash: String(row["performance_hash"]),
    code_version: String(row["code_version"]),
    bins_id: textOrNull(row["bins_id"]),
    version: numberOrNull(row["version"]),
    outcome_table: textOrNull(row["outcome_table"]),
    outcome_version: numberOrNull(row["outcome_version"]),
    state: String(row["state"]) as PerformanceState,
    rows: numberOrNull(row["rows"]) ?? 0,
    labelled: numberOrNull(row["labelled"]) ?? 0,
    reached: numberOrNull(row["reached"]),
    repeated: numberOrNull(row["repeated"]) ?? 0,
    cause: textOrNull(row["cause"]) as DriftCauseName | null,
    because: textOrNull(row["because"]),
    text: textOrNull(row["text"]) ?? "",
    metrics: [],
    estimate: estimateOf(row["estimate"]),
    parts: [],
  };
}

function estimateOf(value: PlainRow[string] | undefined): MonitoredEstimate | null {
  const row = structOrNull(value);
  const method = textOrNull(row?.["method"]);
  if (row === null || method === null) return null;
  return {
    method: method === "dle" ? "dle" : "cbpe",
    coverage: numberOrNull(row["coverage"]),
    unreliable: itemsOf(row["unreliable"]).map(String),
    cannot_see: textOrNull(row["cannot_see"]) ?? "",
    reason: textOrNull(row["reason"]),
  };
}

function metricOf(row: PlainRow): MonitoredMetric {
  const better = textOrNull(row["better"]);
  return {
    metric: String(row["metric"]),
    value: numberOrNull(row["value"]),
    low: numberOrNull(row["low"]),
    high: numberOrNull(row["high"]),
    reason: textOrNull(row["reason"]),
    baseline: numberOrNull(row["baseline"]),
    baseline_low: numberOrNull(row["baseline_low"]),
    baseline_high: numberOrNull(row["baseline_high"]),
    estimated: numberOrNull(row["estimated"]),
    estimated_low: numberOrNull(row["estimated_low"]),
    estimated_high: numberOrNull(row["estimated_high"]),
    better: better === "higher" || better === "lower" ? better : null,
  };
}
