import type { Session } from "../engine/core/contract.ts";
import type { LogSnapshot, TableContext } from "../log/contract.ts";
import {
  loadedColumn,
  type MetricState,
  metricsSchema,
  storedColumn,
} from "../quality/measures/metric-state.ts";
import { contextBelow } from "../sidetables/context-below.ts";
import { sideTableRows, withSideTable } from "../sidetables/read-rows.ts";
import type { SideTable, SideTableOptions } from "../sidetables/side-table.ts";
import { type SqlExpression, type SqlSelect, sql } from "../sql/sql.ts";
import { plainName, quoteText } from "../sql/sql-text.ts";
import type { ScanRelation } from "../table/scan/scan.ts";

/** Folder below a table that holds the metrics of its versions, itself a Delta table. */
const metricsFolder = "_metrics";

/** A table whose metrics are kept, at any version. */
export interface MeasuredTable {
  readonly context: TableContext;
  readonly metadata: Pick<LogSnapshot["metadata"], "id">;
}

/** Metrics of one version in one scope. */
export interface VersionMetrics {
  readonly version: number;
  /** When the version was committed. */
  readonly timestamp: Date;
  /** `batch`: the rows that the version added; `table`: all its rows. */
  readonly scope: "batch" | "table";
  readonly state: MetricState;
  readonly checks: readonly {
    readonly id: string;
    readonly success: boolean;
    readonly unexpected: number | null;
  }[];
}

/**
 * Which recorded metrics to read; default: all. Sketches of many columns are large, so select the columns
 * that are needed.
 */
export interface MetricsSelection {
  readonly scope?: VersionMetrics["scope"] | undefined;
  /** Names of columns; default: all. */
  readonly columns?: readonly string[] | undefined;
  /** Leave out the sketches of distinct values and quantiles. */
  readonly withoutSketches?: boolean | undefined;
  /** Only the newest recorded version, in the scopes that it has. */
  readonly newest?: boolean | undefined;
  /** Only this version. */
  readonly version?: number | undefined;
}

function metricsOf(context: TableContext): SideTable {
  return {
    context: contextBelow(context, metricsFolder),
    name: "table of metrics",
    description: "Metrics of the versions of the table above",
    columns: metricsSchema,
  };
}

/**
 * Reads the recorded metrics, oldest version first; empty if there are none. Metrics that were recorded twice
 * are returned once; those of another table, which was in the same place and was removed, are left out.
 */
export async function readMetrics(
  { context, metadata }: MeasuredTable,
  selection: MetricsSelection = {},
  options: SideTableOptions = {},
): Promise<VersionMetrics[]> {
  const read = (session: Session, stored: ScanRelation) =>
    readRows(session, rowsOfTable(stored, metadata.id), selection);
  return (await withSideTable(metricsOf(context), read, options)) ?? [];
}

/** The rows of a table; those of earlier versions of varve do not say whose they are. */
function rowsOfTable(stored: ScanRelation, tableId: string): SqlSelect {
  return sql`SELECT * FROM (${stored.sql}) WHERE table_id IS NULL OR table_id = ${quoteText(tableId)}`;
}

async function readRows(
  session: Session,
  stored: SqlSelect,
  selection: MetricsSelection,
): Promise<VersionMetrics[]> {
  const scope = selection.scope === undefined ? sql`true` : sql`scope = ${quoteText(selection.scope)}`;
  const version = selection.version === undefined ? sql`true` : sql`version = ${selection.version}`;
  const newest =
    selection.newest === true
      ? sql`version = (SELECT max(version) FROM (${stored}) WHERE ${scope})`
      : sql`true`;
  const rows = await session.rows(
    sql`SELECT version, epoch_ms(committed_at) AS committed, scope, rows, to_json(${columnsSql(selection)}) AS columns, to_json(checks) AS checks FROM (${stored}) WHERE ${scope} AND ${version} AND ${newest} QUALIFY row_number() OVER (PARTITION BY version, scope) = 1 ORDER BY version, scope`,
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

function columnsSql({ columns, withoutSketches }: MetricsSelection): SqlExpression {
  const named =
    columns === undefined
      ? sql`columns`
      : sql`list_filter(columns, lambda c: struct_extract(c, 'name') IN (${columns.length === 0 ? sql`NULL` : columns.map(quoteText)}))`;
  if (withoutSketches !== true) return named;
  const kept = ["name", "present", "count", "min", "max", "mean", "squares"].map(
    (field) => sql`${plainName(field)} := struct_extract(c, ${quoteText(field)})`,
  );
  return sql`list_transform(${named}, lambda c: struct_pack(${kept}))`;
}

/**
 * Records metrics in one commit, except those that others have recorded meanwhile.
 *
 * The application id makes it conflict with another recorder's commit; then what that commit recorded is left
 * out, and the rest is tried again.
 *
 * @returns how many versions were recorded
 */
export async function writeMetrics(
  { context, metadata }: MeasuredTable,
  measured: readonly VersionMetrics[],
  options: SideTableOptions = {},
): Promise<number> {
  const side = metricsOf(context);
  let recorded: readonly VersionMetrics[] = [];
  const missing = async (snapshot: LogSnapshot) => {
    const last = await lastRecorded({ side, snapshot, tableId: metadata.id }, options);
    const entries = measured.filter(({ version }) => last === undefined || version > last);
    recorded = entries;
    if (entries.length === 0) return undefined;
    const version = BigInt(entries.reduce((newest, entry) => Math.max(newest, entry.version), 0));
    const source = entries.map((entry) => ({ ...storedMetrics(entry), table_id: metadata.id }));
    return { source, txn: { appId: `varve.metrics.${metadata.id}`, version } };
  };
  // Those who read metrics start without what writes.
  const { appendToSideTable } = await import("../sidetables/append-rows.ts");
  const { outcome } = await appendToSideTable(side, missing, options);
  return outcome === "committed" ? new Set(recorded.map(({ version }) => version)).size : 0;
}

/** The newest recorded version. @param snapshot that of the table of metrics */
async function lastRecorded(
  { side, snapshot, tableId }: { side: SideTable; snapshot: LogSnapshot; tableId: string },
  options: SideTableOptions,
): Promise<number | undefined> {
  await using session = await (await side.context.engine()).open(options);
  const stored = await sideTableRows(side, session, snapshot, options);
  return (await readRows(session, rowsOfTable(stored, tableId), { newest: true, columns: [] }))[0]?.version;
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
