import type { Dialect } from "../../quality/model/dialect.ts";
import { joinSql, type SqlExpression, type SqlSelect, sql } from "../../sql/sql.ts";
import { plainName, sqlAsWritten } from "../../sql/sql-text.ts";
import type { BaselineProfile, ProfiledMeasure } from "../profile/baseline-profile.ts";
import { boundariesOf, type CategoryBins, centreOf } from "../profile/bins.ts";
import { wordsOf } from "../profile/column-bins.ts";
import type { Leaf } from "../profile/leaves.ts";

/** Numbers of bins that are none of a baseline's own, which count from 0. */
export const otherBins = { null: -1, nan: -2, rare: -3, single: -4, unseen: -5 } as const;

/**
 * SQL of another engine that counts the rows of a relation in a baseline's bins: one row for each measure and bin, with
 * the number of its rows, sums around the measure's centre, and extremes. All of them add up over parts of the rows.
 *
 * @param relation as the engine names it; it is used unchanged
 */
export function countsSql({ measures }: BaselineProfile, relation: string, dialect: Dialect): SqlSelect {
  const queries = measures.map((measure, index) => measureSql(measure, index, { relation, dialect }));
  return joinSql(queries, sql`\nUNION ALL\n`);
}

interface Target {
  readonly relation: string;
  readonly dialect: Dialect;
}

function measureSql(measure: ProfiledMeasure, index: number, { relation, dialect }: Target): SqlSelect {
  const { leaf, bins } = measure;
  const isNumber = bins.form === "numeric" || bins.isNumber;
  const value = plainName("v");
  const values = sql`SELECT ${measuredSql(measure, dialect)} AS v, ${momentSql(leaf, dialect)} AS moment FROM ${sqlAsWritten(relation)}`;
  const nan = isNumber ? sql` WHEN ${dialect.isNan(value)} THEN ${otherBins.nan}` : sql``;
  const own =
    bins.form === "numeric" ? cellSql(boundariesOf(bins), value, dialect) : categorySql(bins, value, dialect);
  const bin = sql`CASE WHEN v IS NULL THEN ${otherBins.null}${nan} ELSE ${own} END`;
  const moments = isNumber
    ? momentsSql(sql`(v - ${double(centreOf(bins), dialect)})`, dialect)
    : sql`CAST(0 AS BIGINT) AS finite, CAST(NULL AS DOUBLE) AS total, CAST(NULL AS DOUBLE) AS squares, CAST(NULL AS DOUBLE) AS least, CAST(NULL AS DOUBLE) AS most`;
  const span = sql`min(moment) AS first_moment, max(moment) AS last_moment`;
  const name = dialect.string(leaf.name);
  return sql`SELECT ${index} AS measure, ${name} AS column_name, bin, count(*) AS n, ${moments}, ${span} FROM (SELECT v, moment, ${bin} AS bin FROM (${values}) AS measured) AS binned GROUP BY bin`;
}

/** Sums and extremes of finite values; bins of NaN have none. */
function momentsSql(off: SqlExpression, dialect: Dialect): SqlExpression {
  const finite = sql`NOT ${dialect.isNan(plainName("v"))} AND abs(v) < ${dialect.literal("Infinity", "double")}`;
  const known = sql`NOT ${dialect.isNan(plainName("v"))}`;
  const sum = (value: SqlExpression) => sql`sum(CASE WHEN ${finite} THEN ${value} END)`;
  return sql`count(CASE WHEN ${finite} THEN 1 END) AS finite, ${sum(off)} AS total, ${sum(sql`${off} * ${off}`)} AS squares, min(CASE WHEN ${known} THEN v END) AS least, max(CASE WHEN ${known} THEN v END) AS most`;
}

function double(value: number, dialect: Dialect): SqlExpression {
  return dialect.literal(value, "double");
}

/** The number of the cell of a value, by halves: as many comparisons as the number of cells has binary digits. */
function cellSql(
  boundaries: readonly number[],
  value: SqlExpression,
  dialect: Dialect,
  first = 0,
  last = boundaries.length,
): SqlExpression {
  if (first === last) return sql`${first}`;
  const middle = (first + last) >> 1;
  const below = cellSql(boundaries, value, dialect, first, middle);
  const above = cellSql(boundaries, value, dialect, middle + 1, last);
  return sql`CASE WHEN ${value} < ${double(boundaries[middle] ?? 0, dialect)} THEN ${below} ELSE ${above} END`;
}

function categorySql(
  { values, known, singles, isNumber }: CategoryBins,
  value: SqlExpression,
  dialect: Dialect,
): SqlExpression {
  const literal = (item: string | number) =>
    typeof item === "number" ? double(item, dialect) : dialect.string(item);
  const named = values.map((item, index) => sql`WHEN ${value} = ${literal(item)} THEN ${index}`);
  const among = (items: readonly (string | number)[], bin: number) =>
    items.length === 0
      ? []
      : [sql`WHEN ${dialect.isOneOf(value, items.map(literal), isNumber ? "double" : "string")} THEN ${bin}`];
  const cases = [...named, ...among(known ?? [], otherBins.rare), ...among(singles, otherBins.single)];
  return cases.length === 0
    ? sql`${otherBins.unseen}`
    : sql`CASE ${joinSql(cases, sql` `)} ELSE ${otherBins.unseen} END`;
}

/** What is measured of a column, over the columns of the relation. */
function measuredSql({ leaf, kind, part }: ProfiledMeasure, dialect: Dialect): SqlExpression {
  const column = columnSql(leaf, dialect);
  if (kind === "id" || kind === "nested") return sql`CASE WHEN ${column} IS NOT NULL THEN 'present' END`;
  switch (leaf.class) {
    case "number":
      return dialect.toDouble(column);
    case "boolean":
      return dialect.toText(column);
    case "text":
      if (kind !== "text") return dialect.toText(column);
      return dialect.toDouble(
        part === "tokens" ? wordsSql(column, dialect) : dialect.length(column, "string"),
      );
    case "binary":
      return kind === "text" ? dialect.toDouble(dialect.length(column, "binary")) : sql`hex(${column})`;
    case "list":
      return dialect.toDouble(
        sql`CASE WHEN ${column} IS NOT NULL THEN ${lengthSql(leaf, column, dialect)} END`,
      );
    case "time":
      return dialect.toDouble(cycleSql(part, column, dialect));
    case "other":
      return sql`CASE WHEN ${column} IS NOT NULL THEN 'present' END`;
  }
}

function wordsSql(column: SqlExpression, { name }: Dialect): SqlExpression {
  if (name === "duckdb") return wordsOf(column);
  const spaced = sql`translate(${column}, concat(chr(9), chr(10), chr(13)), '   ')`;
  return sql`CASE WHEN ${column} IS NOT NULL THEN size(filter(split(${spaced}, ' '), word -> word <> '')) END`;
}

function lengthSql({ type }: Leaf, column: SqlExpression, { name }: Dialect): SqlExpression {
  if (name === "spark") return sql`size(${column})`;
  return /^map/i.test(type) ? sql`cardinality(${column})` : sql`len(${column})`;
}

function cycleSql(part: ProfiledMeasure["part"], column: SqlExpression, { name }: Dialect): SqlExpression {
  if (part === "hour") return sql`hour(${column})`;
  if (part === "month") return sql`month(${column})`;
  // Monday is 1.
  return name === "spark" ? sql`weekday(${column}) + 1` : sql`isodow(${column})`;
}

/** A time in microseconds since 1970, which tells the span of a side; null for what is no time. */
function momentSql(leaf: Leaf, dialect: Dialect): SqlExpression {
  if (leaf.class !== "time") return sql`CAST(NULL AS BIGINT)`;
  const kind = leaf.hasHour ? "timestamp" : "date";
  return sql`CAST(${dialect.epochMilliseconds(columnSql(leaf, dialect), kind)} AS BIGINT) * 1000`;
}

function columnSql({ path }: Leaf, dialect: Dialect): SqlExpression {
  return joinSql(
    path.map((name) => dialect.identifier(name)),
    sql`.`,
  );
}
