import { joinSql, type SqlExpression, sql } from "../../sql/sql.ts";
import { quoteSparkName, quoteSparkText, replaceSql } from "../../sql/sql-text.ts";
import type { JsonValue } from "../../util/json.ts";
import type { ColumnClass } from "./column.ts";
import { type Dialect, numberText, textOfType } from "./dialect.ts";

const literalTypes: Partial<Record<ColumnClass, SqlExpression>> = {
  float: sql`FLOAT`,
  double: sql`DOUBLE`,
  date: sql`DATE`,
  timestamp: sql`TIMESTAMP`,
  timestamp_ntz: sql`TIMESTAMP_NTZ`,
};

const javaTime: Readonly<Record<string, string>> = {
  "%Y": "yyyy",
  "%m": "MM",
  "%d": "dd",
  "%H": "HH",
  "%M": "mm",
  "%S": "ss",
  "%y": "yy",
  "%b": "MMM",
  "%j": "DDD",
  "%f": "SSSSSS",
};

/**
 * A strftime format in Java's notation: numbers may lack their leading zero unless they are next to another
 * number.
 */
function javaFormat(format: string): string {
  const touching = /%[a-zA-Z]%[a-zA-Z]/.test(format);
  return format.replace(/%[a-zA-Z]/g, (code) => {
    const letters = javaTime[code] ?? code;
    return touching || !/^[mdHMS]$/.test(code.slice(1)) ? letters : letters.slice(1);
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
    const type = literalTypes[kind];
    if (typeof value === "number" || typeof value === "bigint") {
      const text = numberText(value);
      return type === undefined
        ? /e/i.test(text)
          ? sql`CAST('${text}' AS DOUBLE)`
          : text
        : sql`CAST(${text} AS ${type})`;
    }
    if (typeof value === "string")
      return type === undefined ? quoteSparkText(value) : sql`CAST(${quoteSparkText(value)} AS ${type})`;
    return sql`NULL`;
  },
  isNan: (value) => sql`isnan(${value})`,
  toDouble: (value) => sql`CAST(${value} AS DOUBLE)`,
  toText: (value) => sql`CAST(${value} AS STRING)`,
  isOneOf: (value, literals) => sql`(${value} IN (${joinSql(literals)}))`,
  matches: (value, pattern) => sql`(${value} RLIKE ${quoteSparkText(endOfText(pattern))})`,
  // a backslash is an escape in Spark's LIKE, but an ordinary character in DuckDB's
  like: (value, pattern) => sql`(${value} LIKE ${quoteSparkText(pattern.replaceAll("\\", "\\\\"))})`,
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
  // from_json returns a row of nulls for text that is not JSON, and schema_of_json fails; only
  // get_json_object distinguishes the two
  isJson: (value) => sql`(get_json_object(${value}, '$') IS NOT NULL)`,
  isTime: (value, format) =>
    format === undefined
      ? withPattern(value, textOfType("TIMESTAMP"), sql`(try_cast(${value} AS TIMESTAMP) IS NOT NULL)`)
      : sql`(try_to_timestamp(${value}, ${quoteSparkText(javaFormat(format))}) IS NOT NULL)`,
  canCast: (value, type) => {
    const name = type === "VARCHAR" ? sql`STRING` : type === "INTEGER" ? sql`INT` : type;
    return withPattern(value, textOfType(type), sql`(try_cast(${value} AS ${name}) IS NOT NULL)`);
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

function withPattern(
  value: SqlExpression,
  pattern: string | undefined,
  condition: SqlExpression,
): SqlExpression {
  return pattern === undefined
    ? condition
    : sql`(${value} RLIKE ${quoteSparkText(endOfText(pattern))} AND ${condition})`;
}
