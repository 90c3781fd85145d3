import type { DriftCauseName } from "../../performance/drift-cause.ts";
import { schema } from "../../schema/builder.ts";
import type { SideTableOptions } from "../../sidetables/side-table.ts";
import { joinSql, type SqlExpression, type SqlSelect, sql } from "../../sql/sql.ts";
import { quoteText } from "../../sql/sql-text.ts";
import {
  appendOnce,
  type DriftStore,
  type MonitoredTable,
  numberOrNull,
  type PlainRow,
  readStore,
  textOrNull,
} from "./drift-store.ts";
import type { MonitoredMetric, PerformanceReport, PerformanceState } from "./performance-record.ts";

/**
 * One row for each evaluation of a version, without a metric, and one for each metric of it. Rows without a version are
 * about the baseline.
 */
const performanceStore: DriftStore = {
  folder: "performance",
  description: "How well models did on the versions of the table above, as its monitors found",
  indexed: "table_id,monitor,version,metric,state",
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
    .long("rank", { comment: "place of the metric in the definition" })
    .string("metric", { comment: "null: the evaluation as a whole" })
    .double("value")
    .double("low")
    .double("high")
    .string("reason")
    .double("baseline")
    .double("baseline_low")
    .double("baseline_high")
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
  { metrics, ...report }: PerformanceReport,
  options: SideTableOptions = {},
): Promise<boolean> {
  const head = { ...report, at: new Date(report.at) };
  const rows = [head, ...metrics.map((metric, rank) => ({ ...head, rank, ...metric }))];
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

/** Reads evaluations by version, oldest first; by default the newest of each version. */
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
  const select = (rows: SqlSelect) => {
    const order = sql`outcome_version DESC NULLS LAST, "at" DESC, run_id DESC`;
    const kept = allOutcomes
      ? rows
      : sql`SELECT * FROM (${rows}) QUALIFY dense_rank() OVER (PARTITION BY version ORDER BY ${order}) = 1`;
    return sql`SELECT * REPLACE (epoch_ms("at") AS "at") FROM (${kept}) ORDER BY version, outcome_version NULLS FIRST, "at", run_id, rank NULLS FIRST`;
  };
  const where = joinSql(conditions, sql` AND `);
  return reportsOf(await readStore(table, performanceStore, { where, select }, options));
}

function reportsOf(rows: readonly PlainRow[]): PerformanceReport[] {
  const reports = new Map<string, PerformanceReport & { readonly metrics: MonitoredMetric[] }>();
  for (const row of rows) {
    const id = String(row["run_id"]);
    if (textOrNull(row["metric"]) === null) reports.set(id, reportOf(row));
    else reports.get(id)?.metrics.push(metricOf(row));
  }
  return [...reports.values()];
}

function reportOf(row: PlainRow): PerformanceReport & { readonly metrics: MonitoredMetric[] } {
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
    better: better === "higher" || better === "lower" ? better : null,
  };
}
