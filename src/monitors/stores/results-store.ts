import type { DriftRecord, DriftReport, DriftVerdict } from "../../drift/comparison/drift-record.ts";
import { arrayOf, schema } from "../../schema/builder.ts";
import type { SideTableOptions } from "../../sidetables/side-table.ts";
import { appendOnce, type DriftStore, type MonitoredTable, readStore } from "./drift-store.ts";
import type { EvaluationState, MonitorReport } from "./monitor-record.ts";
import { sideColumns, sideOf } from "./side-columns.ts";
import type { StoreCondition } from "./store-query.ts";
import {
  itemsOf,
  numberOrNull,
  type PlainRow,
  type PlainValue,
  structOrNull,
  textOrNull,
} from "./stored-row.ts";

const share = () => schema().double("baseline").double("current").double("low").double("high");
const bracket = () => schema().double("low").double("high").boolean("exact");
const summary = () =>
  schema().double("mean").double("sd").double("median").double("iqr").double("q05").double("q95");

/**
 * One row for each run of a monitor over a version, without a column, and one for each comparison of it, with the
 * fields of a drift record.
 */
export const resultsStore: DriftStore = {
  folder: "results",
  description: "What the monitors of the table above said of its versions",
  indexed: "table_id,monitor,version,column,verdict",
  columns: schema()
    .string("table_id", { nullable: false, comment: "id of the table's metadata: the folder may outlive it" })
    .string("monitor", { nullable: false })
    .string("run_id", { nullable: false })
    .timestamp("at", { nullable: false })
    .string("definition_hash", { nullable: false })
    .string("code_version", { nullable: false })
    .string("bins_id", { comment: "the bins of the baseline; null if none were needed" })
    .long("version", { nullable: false })
    .timestamp("committed_at")
    .long("as_of_version", { nullable: false })
    .string("state", { comment: "evaluated, empty or unreadable; only in rows of runs" })
    .struct("baseline", sideColumns())
    .struct("current", sideColumns())
    .struct(
      "counts",
      schema().long("tested").long("drifted").long("broken").long("insufficient").long("not_applicable"),
    )
    .long("rank", { comment: "by effect times weight, broken ones first" })
    .string("column", { comment: "null: the run as a whole" })
    .string("part")
    .string("role")
    .string("kind")
    .struct("slice", schema().string("key").string("value"))
    .string("window")
    .struct("rows", schema().long("baseline").long("current"))
    .string("verdict")
    .string("level")
    .string("reason")
    .string("direction")
    .long("rows_needed")
    .double("effect")
    .double("threshold")
    .string("threshold_source")
    .double("js")
    .double("floor")
    .double("moved")
    .double("psi")
    .double("psi_expected")
    .double("hellinger")
    .struct("l_infinity", schema().double("value").string("bin"))
    .struct("ks", bracket().double("at"))
    .struct("wasserstein", bracket())
    .struct("wasserstein_scaled", bracket())
    .struct(
      "test",
      schema()
        .string("name")
        .double("statistic")
        .double("df")
        .double("p")
        .double("p_adjusted")
        .string("correction")
        .double("alpha")
        .long("pooled_bins"),
    )
    .struct("null_share", share())
    .struct("nan_share", share())
    .struct("distinct_share", share())
    .struct("rare_share", share())
    .struct("unseen_share", share())
    .struct("below_share", share())
    .struct("above_share", share())
    .struct("summary", schema().struct("baseline", summary()).struct("current", summary()))
    .column(
      "bins",
      arrayOf(
        schema()
          .string("label")
          .double("low")
          .double("high")
          .double("baseline")
          .double("current")
          .double("part"),
      ),
    )
    .double("weight")
    .double("contribution")
    .column("undefined_because", arrayOf(schema().string("figure").string("reason")))
    .string("text")
    .struct("conventions", schema().long("log").long("ddof").long("quantile").string("edges"))
    .build(),
};

/** Which results to read; default: all of all monitors. */
export interface ResultsSelection {
  readonly monitor?: string | undefined;
  /** First and last version. */
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  /** Only comparisons of these columns; an empty list reads the runs without any. */
  readonly columns?: readonly string[] | undefined;
  /** Only results of this definition. */
  readonly definitionHash?: string | undefined;
}

/**
 * Records the report of a monitor once for each version, definition, generation of bins and state of the table.
 *
 * @returns whether it landed; another process may have been faster
 */
export function writeResults(
  table: MonitoredTable,
  report: MonitorReport,
  options: SideTableOptions = {},
): Promise<boolean> {
  const { monitor, run_id, definition_hash, code_version, bins_id, as_of_version } = report;
  const { baseline, current } = report;
  const head = {
    monitor,
    run_id,
    at: new Date(report.at),
    definition_hash,
    code_version,
    bins_id,
    version: current.version ?? as_of_version,
    committed_at: report.committed_at === null ? null : new Date(report.committed_at),
    as_of_version,
    baseline,
    current,
  };
  const { state, counts, verdict, text } = report;
  const rows = [
    { ...head, state, counts, verdict, text },
    ...report.columns.map((record, rank) => ({ ...head, rank, ...storedRecord(record) })),
  ];
  const key = [monitor, head.version, definition_hash, bins_id, as_of_version];
  return appendOnce(table, resultsStore, { key, rows }, options);
}

function storedRecord({ undefined_because, ...record }: DriftRecord): object {
  const reasons = Object.entries(undefined_because).map(([figure, reason]) => ({ figure, reason }));
  return { ...record, undefined_because: reasons };
}

/** Reads results by version, oldest first; those of one version in the order in which they were made. */
export async function readResults(
  table: MonitoredTable,
  { monitor, from, to, columns, definitionHash }: ResultsSelection = {},
  options: SideTableOptions = {},
): Promise<MonitorReport[]> {
  const where: StoreCondition[] = [
    ...(monitor === undefined ? [] : [{ column: "monitor", oneOf: [monitor] }]),
    ...(from === undefined && to === undefined ? [] : [{ column: "version", from, to }]),
    ...(definitionHash === undefined ? [] : [{ column: "definition_hash", oneOf: [definitionHash] }]),
    ...(columns === undefined ? [] : [{ column: "column", oneOf: [null, ...columns] }]),
  ];
  const order = ["version", "as_of_version", "at", "run_id", "rank"];
  const heads = columns?.length === 0 ? runColumns : undefined;
  return reportsOf(await readStore(table, resultsStore, { columns: heads, where, order }, options));
}

function reportsOf(rows: readonly PlainRow[]): MonitorReport[] {
  const runs = new Map<string, MonitorReport & { readonly columns: DriftRecord[] }>();
  for (const row of rows) {
    const id = `${String(row["monitor"])} ${String(row["run_id"])}`;
    if (textOrNull(row["column"]) === null) runs.set(id, { ...reportOf(row), columns: [] });
    else if (isVerdict(row["verdict"])) runs.get(id)?.columns.push(recordOf(row));
  }
  return [...runs.values()];
}

const verdicts: readonly DriftVerdict[] = ["none", "drift", "insufficient", "not_applicable", "broken"];

function isVerdict(value: PlainValue | undefined): boolean {
  return verdicts.some((verdict) => verdict === value);
}

function reportOf(row: PlainRow): MonitorReport {
  const counts = structOrNull(row["counts"]) ?? {};
  const count = (name: string) => numberOrNull(counts[name]) ?? 0;
  return {
    monitor: String(row["monitor"]),
    run_id: String(row["run_id"]),
    at: timeOf(row["at"]) ?? "",
    table_id: String(row["table_id"]),
    definition_hash: String(row["definition_hash"]),
    code_version: String(row["code_version"]),
    bins_id: textOrNull(row["bins_id"]),
    committed_at: timeOf(row["committed_at"]),
    as_of_version: numberOrNull(row["as_of_version"]) ?? 0,
    state: (textOrNull(row["state"]) ?? "evaluated") as EvaluationState,
    baseline: sideOf(row["baseline"]),
    current: sideOf(row["current"]),
    verdict: (textOrNull(row["verdict"]) ?? "none") as DriftReport["verdict"],
    counts: {
      tested: count("tested"),
      drifted: count("drifted"),
      broken: count("broken"),
      insufficient: count("insufficient"),
      not_applicable: count("not_applicable"),
    },
    text: textOrNull(row["text"]) ?? "",
    columns: [],
  };
}

function timeOf(value: PlainValue | undefined): string | null {
  return typeof value === "number" ? new Date(value).toISOString() : null;
}

/** Columns of a result's row that are not fields of a record. */
const headColumns = [
  ...["table_id", "monitor", "run_id", "at", "definition_hash", "code_version", "version", "committed_at"],
  "bins_id",
  ...["as_of_version", "state", "baseline", "current", "counts", "rank"],
];

/** All columns of the row of a run. */
const runColumns = [...headColumns, "column", "verdict", "text"];

function recordOf(row: PlainRow): DriftRecord {
  const because = itemsOf(row["undefined_because"]).flatMap((item) => {
    const { figure, reason } = structOrNull(item) ?? {};
    return typeof figure === "string" && typeof reason === "string" ? [[figure, reason] as const] : [];
  });
  const fields = Object.entries(row).filter(([name]) => !headColumns.includes(name));
  return {
    ...Object.fromEntries(fields),
    bins: itemsOf(row["bins"]),
    undefined_because: Object.fromEntries(because),
  } as unknown as DriftRecord;
}
