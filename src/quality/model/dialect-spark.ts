import { joinSql, type SqlExpression, sql } from "../../sql/sql.ts";
import { plainName, quoteSparkName, quoteSparkText, replaceSql } from "../../sql/sql-text.ts";
import type { JsonValue } from "../../util/json.ts";
import type { ColumnClass } from "./column.ts";
import { type Dialect, literalClass, numberText, textOfType } from "./dialect.ts";

const literalTypes: Partial<Record<ColumnClass, SqlExpression>> = {
  float: sql`FLOAT`,
  double: sql`DOUBLE`,
  date: sql`DATE`,
  timestamp: sql`TIMESTAMP`,
  timestamp_ntz: sql`TIMESTAMP_NTZ`,
};

const javaTime: Readonly<Record<string, string>> = {
  Y: "yyyy",
  m: "M",
  d: "d",
  j: "D",
  H: "H",
  I: "h",
  M: "m",
  S: "s",
  y: "yy",
  b: "MMM",
  B: "MMMM",
  f: "SSSSSS",
  p: "a",
};

/** A strftime format in Java's notation, with a leading zero for each number that is next to another one. */
function javaFormat(format: string): string {
  return format.replace(/%-?(.)|[A-Za-z']+/g, (part, code: string | undefined, index: number) => {
    if (code === undefined) return `'${part.replaceAll("'", "''")}'`;
    if (code === "%") return "%";
    const letters = javaTime[code] ?? "";
    const isAdjacent =
      /%-?[A-Za-z]$/.test(format.slice(0, index)) || /^%/.test(format.slice(index + part.length));
    if (!isAdjacent || letters.length > 1) return letters;
    return code === "j" ? "DDD" : letters + letters;
  });
}

/** Placeholder for the filter in an expression of several aggregates. */
const filterMark = sql`/* filter */`;

/** Spark SQL 3.4 and later. */
export const sparkDialect: Dialect = Object.freeze<Dialect>({
  name: "spark",
  identifier: quoteSparkName,
  string: quoteSparkText,
  literal: (value: JsonValue, kind: ColumnClass) => {
    if (typeof value === "boolean") return value ? sql`true` : sql`false`;
    if (typeof value === "number" || typeof value === "bigint") {
      const type = literalTypes[literalClass(value, kind)];
      const text = numberText(value);
      return type === undefined
        ? /e/i.test(text)
          ? sql`CAST('${text}' AS DOUBLE)`
          : text
        : sql`CAST(${text} AS ${type})`;
    }
    const type = literalTypes[kind];
    if (typeof value === "string")
      return type === undefined ? quoteSparkText(value) : sql`CAST(${quoteSparkText(value)} AS ${type})`;
    return sql`NULL`;
  },
  isNan: (value) => sql`isnan(${value})`,
  toDouble: (value) => sql`CAST(${value} AS DOUBLE)`,
  toText: (value) => sql`CAST(${value} AS STRING)`,
  isOneOf: (value, literals) => sql`(${value} IN (${joinSql(literals)}))`,
  matches,
  // a backslash is an escape in Spark's LIKE, but an ordinary character in DuckDB's
  like: (value, pattern, mark) =>
    mark === undefined
      ? sql`(${value} LIKE ${quoteSparkText(pattern.replaceAll("\\", "\\\\"))})`
      : sql`(${value} LIKE ${quoteSparkText(pattern)} ESCAPE ${quoteSparkText(mark)})`,
  length: (value) => sql`length(${value})`,
  bytes: (value) => sql`octet_length(${value})`,
  countIf: (condition) => sql`count_if(${condition})`,
  filtered: (aggregate, scope) => {
    const filter = scope === undefined ? sql`` : sql` FILTER (WHERE ${scope})`;
    return aggregate.includes(filterMark)
      ? replaceSql(aggregate, filterMark, filter)
      : sql`${aggregate}${filter}`;
  },
  deviation: (value, ddof) => sql`${ddof === 1 ? sql`stddev_samp` : sql`stddev_pop`}(${value})`,
  quantile: (value, share) => sql`percentile(${value}, ${share})`,
  quantileDiscrete: (value, share) => sql`percentile_disc(${share}) WITHIN GROUP (ORDER BY ${value})`,
  quantileApproximate: (value, share) => sql`percentile_approx(${value}, ${share})`,
  distinctApproximate: (value) => sql`approx_count_distinct(${value})`,
  correlation: (a, b) => sql`corr(${a}, ${b})`,
  skewness: (value) => {
    const n = sql`count(${value})${filterMark}`;
    return sql`CASE WHEN ${n} > 2 THEN skewness(${value})${filterMark} * sqrt(CAST(${n} AS DOUBLE) * (${n} - 1)) / (${n} - 2) END`;
  },
  kurtosis: (value) => sql`kurtosis(${value})`,
  timeCodes: new Set([...Object.keys(javaTime).filter((code) => code !== "f"), "%"]),
  isTime: (value, { format, pattern }) =>
    sql`(${matches(value, pattern)} AND try_to_timestamp(${value}, ${quoteSparkText(javaFormat(format))}) IS NOT NULL)`,
  canCast: (value, type) => {
    const cast = sql`try_cast(${value} AS ${type === "INTEGER" ? sql`INT` : plainName(type)})`;
    // digits beyond a double's range are read as infinite
    const inRange =
      type === "DOUBLE"
        ? sql`(${cast} IS NOT NULL AND (abs(${cast}) <> CAST('Infinity' AS DOUBLE) OR endswith(${value}, 'y')))`
        : sql`(${cast} IS NOT NULL)`;
    return sql`(${matches(value, textOfType(type))} AND ${inRange})`;
  },
  epochMilliseconds: (value, kind) =>
    kind === "date"
      ? sql`(CAST(unix_date(${value}) AS BIGINT) * 86400000)`
      : sql`unix_millis(CAST(${value} AS TIMESTAMP))`,
  listOf: (items) => sql`filter(array(${joinSql(items)}), x -> x IS NOT NULL)`,
});

/**
 * The pattern with `$` matching only at the end of the text; in Java it also matches before a last line feed.
 */
function endOfText(pattern: string): string {
  let inClass = false;
  return pattern.replace(/\\[\s\S]|[[\]$]/g, (part) => {
    if (part === "[") inClass = true;
    if (part === "]") inClass = false;
    return part === "$" && !inClass ? "\\z" : part;
  });
}

function matches(value: SqlExpression, pattern: string): SqlExpression {
  return sql`(${value} RLIKE ${quoteSparkText(endOfText(pattern))})`;
}
