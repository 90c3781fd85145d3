import type { EngineRow, Session, WrittenColumn } from "../../engine/core/contract.ts";
import type { TableContext } from "../../log/contract.ts";
import { isPrimitive } from "../../schema/type-names.ts";
import type { DeltaType, StructType } from "../../schema/types.ts";
import { joinSql, type SqlExpression, sql } from "../../sql/sql.ts";
import { plainName, quoteName } from "../../sql/sql-text.ts";
import {
  type IndexedColumn,
  indexedColumns,
  statisticsJson,
} from "../../table/data-files/file-statistics.ts";
import { scanFiles } from "../../table/scan/scan-files.ts";
import { throwIfCancelled } from "../../util/cancel.ts";
import { freePrefix } from "../../util/free-prefix.ts";

/** Files whose rows are looked at for statistics. */
export interface StatisticsScan {
  readonly context: TableContext;
  /** Columns that the files have, without those that partition the table. */
  readonly schema: StructType;
  /** Local names. */
  readonly files: readonly string[];
  readonly onProgress?: ((share: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

const filesAQuery = 500;
/** Characters of a text that bounds are made of; more than they have. */
const textBound = 40;

/**
 * Statistics of data files that other programs wrote, as varve writes them for its own: by their rows, because what
 * footers say of bounds is not always true. In the order of the files.
 *
 * @throws `DATA_FILE_CORRUPT` naming the file, `CANCELLED`
 */
export async function scannedStatistics(session: Session, scan: StatisticsScan): Promise<string[]> {
  const { schema, files, onProgress, signal } = scan;
  const columns = indexedColumns({ schema, partitionColumns: [], mode: "none", configuration: {} }).filter(
    ({ type }) => isPrimitive(type) || type.type === "decimal",
  );
  const statistics: string[] = [];
  for (let start = 0; start < files.length; start += filesAQuery) {
    throwIfCancelled(signal, "reading statistics");
    const part = files.slice(start, start + filesAQuery);
    const rows = await aggregates(session, { ...scan, files: part }, columns);
    const byFile = new Map(rows.map((row) => [Number(row["file"]), row]));
    part.forEach((file, index) => {
      const row = byFile.get(index) ?? {};
      const found = columns.map((column, place) => columnStatistics(column, row, place));
      const written = { file, rows: Number(row["n"] ?? 0), bytes: 0, partitionValues: [], columns: found };
      statistics.push(statisticsJson(written, columns));
    });
    onProgress?.((start + part.length) / files.length);
  }
  return statistics;
}

async function aggregates(
  session: Session,
  { context, schema, files }: StatisticsScan,
  columns: readonly IndexedColumn[],
): Promise<EngineRow[]> {
  const place = `${freePrefix(schema.fields.map(({ name }) => name))}place`;
  const { sql: rows } = await scanFiles(
    session,
    context,
    [...schema.fields.map((field) => ({ kind: "data" as const, field })), { kind: "place", name: place }],
    files.map((file, number) => ({ file, constants: {}, number })),
    "none",
  );
  const items = columns.flatMap(({ path, type }, index) => {
    const value = sql`r.${joinSql(path.map(quoteName), sql`.`)}`;
    return aggregatesOf(type, value).map(([name, item]) => sql`${item} AS ${plainName(`${name}${index}`)}`);
  });
  return session.rows(
    sql`SELECT ${[sql`r.${quoteName(place)}.file AS file`, sql`count(*) AS n`, ...items]} FROM (${rows}) AS r GROUP BY ALL`,
  );
}

type Aggregate = readonly ["count" | "low" | "high", SqlExpression];

function aggregatesOf(type: DeltaType, value: SqlExpression): Aggregate[] {
  const count: Aggregate = ["count", sql`count(${value})`];
  if (!hasBounds(type)) return [count];
  if (type === "string")
    return [
      count,
      ["low", sql`left(min(${value}), ${textBound})`],
      ["high", sql`left(max(${value}), ${textBound})`],
    ];
  // NaN is the greatest of its column for the engine, and its text is no number.
  return [count, ["low", sql`CAST(min(${value}) AS VARCHAR)`], ["high", sql`CAST(max(${value}) AS VARCHAR)`]];
}

function hasBounds(type: DeltaType): boolean {
  if (!isPrimitive(type)) return type.type === "decimal";
  return !["boolean", "binary", "variant", "void"].includes(type);
}

function columnStatistics({ path }: IndexedColumn, row: EngineRow, index: number): WrittenColumn {
  const text = (name: string) => {
    const value = row[`${name}${index}`];
    return typeof value === "string" ? value : undefined;
  };
  return {
    path,
    min: text("low"),
    max: text("high"),
    nullCount: Number(row["n"] ?? 0) - Number(row[`count${index}`] ?? 0),
    hasNan: false,
  };
}
