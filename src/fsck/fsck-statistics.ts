import type { Session } from "../engine/core/contract.ts";
import type { LogSnapshot } from "../log/contract.ts";
import { parseStatistics } from "../log/pruning/file-statistics.ts";
import type { AddAction } from "../protocol/actions.ts";
import { type ColumnMappingMode, physicalName } from "../schema/column-mapping.ts";
import { fieldAt, leafFields } from "../schema/fields.ts";
import { isPrimitive, pathText } from "../schema/type-names.ts";
import { typeChangesOf } from "../schema/type-widening.ts";
import type { DeltaType, StructType } from "../schema/types.ts";
import { joinSql, type SqlExpression, type SqlSelect, sql } from "../sql/sql.ts";
import { quoteName, quoteText } from "../sql/sql-text.ts";
import { readTypeText } from "../table/scan/read-type.ts";
import { mappingModeOf } from "../table/scan/scan.ts";
import type { Finding } from "./fsck-finding.ts";

/** A file and the number of rows in its footer. */
export interface CheckedFile {
  readonly add: AddAction;
  readonly rows: number;
}

/**
 * A column with the SQL to compare it with its statistics; `path` is its path in `minValues`, `maxValues` and
 * `nullCount`.
 */
interface StatisticsColumn {
  readonly name: string;
  readonly sql: SqlExpression;
  readonly type: DeltaType;
  readonly path: readonly string[];
  /** Files from before the column was widened have bounds in single precision. */
  readonly wasFloat: boolean;
  /** A top-level column that must not be null. */
  readonly required: boolean;
}

const compared: ReadonlySet<string> = new Set([
  "byte",
  "short",
  "integer",
  "long",
  "float",
  "double",
  "string",
  "date",
  "timestamp",
  "timestamp_ntz",
]);

/**
 * Compares the rows of files (`scan`, with the file's number in the column `fileColumn`) with their statistics
 * in the log.
 *
 * Bounds may be wide but must hold; they may truncate text, and timestamps to milliseconds. PROTOCOL.md
 * "Per-file Statistics".
 */
export async function statisticsProblems(
  session: Session,
  snapshot: LogSnapshot,
  scan: SqlSelect,
  fileColumn: string,
  files: readonly CheckedFile[],
): Promise<{ readonly rows: number; readonly findings: Finding[] }> {
  const columns = statisticsColumns(
    snapshot.schema,
    snapshot.metadata.partitionColumns,
    mappingModeOf(snapshot),
  );
  const facts = columns.flatMap((column, index) => [
    sql`count(*) FILTER (${column.sql} IS NULL) AS n${index}`,
    ...(isCompared(column.type)
      ? [
          sql`min(${column.sql}) ${withoutNan(column)} AS a${index}`,
          sql`max(${column.sql}) ${withoutNan(column)} AS z${index}`,
        ]
      : []),
  ]);
  const tests = columns.flatMap((column, index) => problemsOf(column, index));
  const list =
    tests.length === 0 ? sql`[]::VARCHAR[]` : sql`list_filter([${tests}], lambda x: x IS NOT NULL)`;
  const logged = files.map(({ add }, index) => {
    const stats = add.stats === undefined ? undefined : parseStatistics(add.stats);
    const values = columns.flatMap(({ path }) =>
      ["minValues", "maxValues", "nullCount"].map((group) => valueText(stats, [group, ...path])),
    );
    return [
      String(index),
      add.deletionVector === undefined ? "exact" : "wide",
      valueText(stats, ["numRecords"]),
      ...values,
    ];
  });
  const rows = await session.rows(
    sql`WITH facts AS (SELECT t.${quoteName(fileColumn)} AS file, count(*) AS rows, ${[sql`0`, ...facts]} FROM (${scan}) AS t GROUP BY ALL),
       logged AS (SELECT CAST(s[1] AS BIGINT) AS file, s[2] AS bounds, TRY_CAST(s[3] AS BIGINT) AS records, s
         FROM (SELECT unnest(from_json($1, '[["VARCHAR"]]')) AS s))
     SELECT file, rows, ${list} AS problems FROM facts JOIN logged USING (file)`,
    [JSON.stringify(logged)],
  );
  const findings = rows.flatMap((row) => {
    const path = files[Number(row["file"])]?.add.path ?? "";
    const problems = Array.isArray(row["problems"]) ? (row["problems"] as readonly unknown[]) : [];
    return problems.map((problem) => finding(path, String(problem)));
  });
  return { rows: rows.reduce((sum, row) => sum + Number(row["rows"]), 0), findings };
}

function finding(path: string, problem: string): Finding {
  const code = problem.startsWith("!") ? "NULL_NOT_ALLOWED" : "STATISTICS_WRONG";
  return { code, severity: "error", message: `${path}: ${problem.replace(/^!/, "")}.`, path };
}

function statisticsColumns(
  schema: StructType,
  partitions: readonly string[],
  mode: ColumnMappingMode,
): StatisticsColumn[] {
  const columns: StatisticsColumn[] = [];
  for (const { path, field } of leafFields(schema)) {
    const [top = ""] = path;
    if (partitions.includes(top) || field.type === "void") continue;
    const physical = path.map((_, index) => {
      const own = fieldAt(schema, path.slice(0, index + 1));
      return own === undefined ? "" : physicalName(own, mode);
    });
    columns.push({
      name: pathText(path),
      sql: sql`t.${joinSql(path.map(quoteName), sql`.`)}`,
      type: field.type,
      path: physical,
      wasFloat: field.type === "double" && typeChangesOf(field).some((change) => change.fromType === "float"),
      required: path.length === 1 && !field.nullable,
    });
  }
  return columns;
}

function isCompared(type: DeltaType): boolean {
  return isPrimitive(type) ? compared.has(type) : type.type === "decimal";
}

/** Most writers leave NaN out of bounds, and for the others it is outside every bound. */
function withoutNan(column: StatisticsColumn): SqlExpression {
  const { type } = column;
  return type === "float" || type === "double" ? sql`FILTER (NOT isnan(${column.sql}))` : sql``;
}

/**
 * SQL expressions, each the text of a problem or null; `s` holds the statistics of column `at` from position
 * `4 + 3 * at` on.
 */
function problemsOf(column: StatisticsColumn, index: number): SqlExpression[] {
  const { name, type, required } = column;
  const [min, max, nullCount] = [
    sql`s[${4 + 3 * index}]`,
    sql`s[${5 + 3 * index}]`,
    sql`s[${6 + 3 * index}]`,
  ];
  const say = (test: SqlExpression, ...parts: readonly SqlExpression[]): SqlExpression =>
    sql`CASE WHEN ${test} THEN concat(${parts}) END`;
  const nulls = sql`TRY_CAST(${nullCount} AS BIGINT)`;
  const has = quoteText(`column ${name} has `);
  const problems = required
    ? [
        say(
          sql`n${index} > 0`,
          quoteText(`!column ${name} must not be null and has `),
          sql`n${index}`,
          quoteText(" nulls"),
        ),
      ]
    : [];
  // Whether a variant's own null is an SQL null depends on how its file is read.
  if (type !== "variant") {
    const wide = sql`(${nulls} = 0 AND n${index} > 0) OR (${nulls} = records AND n${index} < rows)`;
    problems.push(
      say(
        sql`bounds = 'exact' AND ${nulls} <> n${index}`,
        has,
        sql`n${index}`,
        quoteText(" nulls, its nullCount says "),
        nulls,
      ),
      say(
        sql`bounds = 'wide' AND (${wide})`,
        has,
        sql`n${index}`,
        quoteText(" nulls among rows that are not deleted, its nullCount says "),
        nulls,
      ),
    );
  }
  if (!isCompared(type)) return problems;
  const holds = quoteText(`column ${name} holds `);
  return [
    ...problems,
    say(
      outside(column, sql`a${index}`, min, "<"),
      holds,
      sql`a${index}`,
      quoteText(", less than its minValue "),
      min,
    ),
    say(
      outside(column, sql`z${index}`, max, ">"),
      holds,
      sql`z${index}`,
      quoteText(", more than its maxValue "),
      max,
    ),
  ];
}

/** SQL that tests whether a value exceeds a bound by more than what writers may lose of the bound. */
function outside(
  { type, wasFloat }: StatisticsColumn,
  value: SqlExpression,
  text: SqlExpression,
  op: "<" | ">",
): SqlExpression {
  const operator = op === "<" ? sql`<` : sql`>`;
  const engineType = wasFloat ? sql`FLOAT` : readTypeText(type);
  const bound = sql`TRY_CAST(${text} AS ${engineType})`;
  if (wasFloat) return sql`CAST(${value} AS FLOAT) ${operator} ${bound}`;
  const beyond = sql`${value} ${operator} ${bound}`;
  if (!isPrimitive(type)) {
    // Spark passes some decimals through a double.
    return sql`${beyond} AND abs(CAST(${value} AS DOUBLE) - CAST(${bound} AS DOUBLE)) > abs(CAST(${bound} AS DOUBLE)) * 1e-14`;
  }
  if (op === "<") return beyond;
  if (type === "string") return sql`${beyond} AND NOT starts_with(${value}, ${bound})`;
  return type === "timestamp" || type === "timestamp_ntz"
    ? sql`${value} > ${bound} + INTERVAL 1 MILLISECOND`
    : beyond;
}

function valueText(stats: unknown, path: readonly string[]): string | null {
  let value = stats;
  for (const name of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return null;
    value = Object.entries(value).find(([key]) => key === name)?.[1];
  }
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean"
    ? String(value)
    : null;
}
