import { isVarveError } from "../errors.ts";
import type { LogSnapshot, TableContext } from "../log/contract.ts";
import { openLog } from "../log/snapshot/open-log.ts";
import {
  loadedColumn,
  type MetricState,
  metricsSchema,
  storedColumn,
} from "../quality/measures/metric-state.ts";
import { contextBelow } from "../sidetables/context-below.ts";
import { unchecked } from "../sql/sql.ts";
import { quoteText } from "../sql/sql-text.ts";
import { createEmpty } from "../table/definition/create-empty.ts";
import { planScan } from "../table/scan/scan.ts";
import { existingTarget } from "../write/plan/batch-target.ts";
import { addedRows } from "../write/plan/plan-rows.ts";
import { runPlan } from "../write/write-pipeline.ts";

/** Folder below a table that holds the metrics of its versions, itself a Delta table. */
const metricsFolder = "_metrics";

/** Metrics of one version in one scope. */
export interface VersionMetrics {
  readonly version: number;
  /** When the version was committed. */
  readonly timestamp: Date;
  /** `batch`: the rows that the version brought; `table`: all its rows. */
  readonly scope: "batch" | "table";
  readonly state: MetricState;
  readonly checks: readonly {
    readonly id: string;
    readonly success: boolean;
    readonly unexpected: number | null;
  }[];
}

/**
 * Which recorded metrics to read; default: all. Sketches of many columns are large, so ask for those that are
 * needed.
 */
export interface MetricsSelection {
  readonly scope?: VersionMetrics["scope"] | undefined;
  /** Names of columns; default: all. */
  readonly columns?: readonly string[] | undefined;
  /** Leave out the sketches, which tell distinct values and quantiles. */
  readonly withoutSketches?: boolean | undefined;
  /** The newest version that is recorded, in the scopes that it has. */
  readonly newest?: boolean | undefined;
}

async function openMetrics(context: TableContext): Promise<LogSnapshot | undefined> {
  try {
    return await openLog(contextBelow(context, metricsFolder));
  } catch (error) {
    if (isVarveError(error, "NOT_A_TABLE")) return undefined;
    throw error;
  }
}

/**
 * The metrics that are recorded, oldest version first; empty where none are. What was recorded twice is given
 * once.
 */
export async function readMetrics(
  context: TableContext,
  selection: MetricsSelection = {},
): Promise<VersionMetrics[]> {
  const snapshot = await openMetrics(context);
  return snapshot === undefined ? [] : readVersion(snapshot, selection);
}

async function readVersion(snapshot: LogSnapshot, selection: MetricsSelection): Promise<VersionMetrics[]> {
  await using session = await (await snapshot.context.engine()).open();
  const scan = await planScan(session, snapshot);
  const scope = selection.scope === undefined ? "true" : `scope = ${quoteText(selection.scope)}`;
  const newest =
    selection.newest === true ? `version = (SELECT max(version) FROM (${scan.sql}) WHERE ${scope})` : "true";
  const rows = await session.rows(
    unchecked(
      `SELECT version, epoch_ms(committed_at) AS committed, scope, rows, to_json(${columnsSql(selection)}) AS columns, to_json(checks) AS checks FROM (${scan.sql}) WHERE ${scope} AND ${newest} QUALIFY row_number() OVER (PARTITION BY version, scope) = 1 ORDER BY version, scope`,
    ),
  );
  return rows.map((row) => ({
    version: Number(row["version"]),
    timestamp: new Date(Number(row["committed"])),
    scope: row["scope"] === "batch" ? "batch" : "table",
    state: {
      rows: Number(row["rows"]),
      columns: (JSON.parse(String(row["columns"] ?? "[]")) as Parameters<typeof loadedColumn>[0][]).map(
        loadedColumn,
      ),
    },
    checks: JSON.parse(String(row["checks"] ?? "[]")) as VersionMetrics["checks"],
  }));
}

function columnsSql({ columns, withoutSketches }: MetricsSelection): string {
  const named =
    columns === undefined
      ? "columns"
      : `list_filter(columns, lambda c: c.name IN (${columns.map(quoteText).join(", ") || "NULL"}))`;
  if (withoutSketches !== true) return named;
  const kept = ["name", "present", "count", "min", "max", "mean", "squares"]
    .map((field) => `${field} := c.${field}`)
    .join(", ");
  return `list_transform(${named}, lambda c: struct_pack(${kept}))`;
}

/**
 * Records metrics in one commit, but those that are recorded by then.
 *
 * The application id makes it conflict with another recorder's commit: then what that one recorded is left
 * out, and the rest tried again.
 */
export async function writeMetrics(context: TableContext, found: readonly VersionMetrics[]): Promise<void> {
  for (;;) {
    const snapshot = await ensureMetrics(context);
    const [last] = await readVersion(snapshot, { newest: true, columns: [] });
    const missing = found.filter((entry) => last === undefined || entry.version > last.version);
    if (missing.length === 0) return;
    try {
      const txn = {
        appId: "varve.metrics",
        version: missing.reduce((newest, { version }) => Math.max(newest, version), 0),
      };
      const target = await existingTarget(snapshot);
      const source = missing.map(storedMetrics);
      const result = await runPlan(addedRows(target, { source }, { mergeSchema: true, txn }));
      await result.upkeep;
      return;
    } catch (error) {
      if (!isVarveError(error, "CONFLICT_CONCURRENT_TRANSACTION")) throw error;
    }
  }
}

function storedMetrics({ version, timestamp, scope, state, checks }: VersionMetrics) {
  return {
    version,
    committed_at: timestamp,
    scope,
    rows: state.rows,
    columns: state.columns.map(storedColumn),
    checks,
  };
}

async function ensureMetrics(context: TableContext): Promise<LogSnapshot> {
  const found = await openMetrics(context);
  if (found !== undefined) return found;
  const metrics = contextBelow(context, metricsFolder);
  const description = "Metrics of the versions of the table above";
  try {
    await createEmpty(metrics, { schema: metricsSchema, description });
  } catch (error) {
    if (!isVarveError(error, "TABLE_EXISTS")) throw error;
  }
  return openLog(metrics);
}
