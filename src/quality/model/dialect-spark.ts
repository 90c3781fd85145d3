import type { JsonValue } from "../../util/json.ts";
import type { ColumnClass } from "./column.ts";
import { type Dialect, numberText, textOfType } from "./dialect.ts";

/** Spark reads a backslash in a string literal as an escape, DuckDB does not. */
const quote = (value: string): string => `'${value.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;

const literalTypes: Partial<Record<ColumnClass, string>> = {
  float: "FLOAT",
  double: "DOUBLE",
  date: "DATE",
  timestamp: "TIMESTAMP",
  timestamp_ntz: "TIMESTAMP_NTZ",
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
 * A strftime format as Java writes it: numbers may lack their leading zero wherever they do not touch
 * another.
 */
function javaFormat(format: string): string {
  const touching = /%[a-zA-Z]%[a-zA-Z]/.test(format);
  return format.replace(/%[a-zA-Z]/g, (code) => {
    const letters = javaTime[code] ?? code;
    return touching || !/^[mdHMS]$/.test(code.slice(1)) ? letters : letters.slice(1);
  });
}

/** Where an expression of several aggregates wants its filter. */
const filterMark = "/* filter */";

/** Spark SQL 3.4 and later. */
export const sparkDialect: Dialect = Object.freeze<Dialect>({
  name: "spark",
  identifier: (name) => `\`${name.replaceAll("`", "``")}\``,
  string: quote,
  literal: (value: JsonValue, kind: ColumnClass) => {
    if (typeof value === "boolean") return value ? "true" : "false";
    const type = literalTypes[kind];
    if (typeof value === "number" || typeof value === "bigint") {
      const text = numberText(value);
      return type === undefined
        ? /e/i.test(text)
          ? `CAST('${text}' AS DOUBLE)`
          : text
        : `CAST(${text} AS ${type})`;
    }
    if (typeof value === "string")
      return type === undefined ? quote(value) : `CAST(${quote(value)} AS ${type})`;
    return "NULL";
  },
  isNan: (sql) => `isnan(${sql})`,
  toDouble: (sql) => `CAST(${sql} AS DOUBLE)`,
  toText: (sql) => `CAST(${sql} AS STRING)`,
  isOneOf: (sql, literals) => `(${sql} IN (${literals.join(", ")}))`,
  matches: (sql, pattern) => `(${sql} RLIKE ${quote(endOfText(pattern))})`,
  // a backslash escapes in Spark's LIKE, in DuckDB's it is a character like any other
  like: (sql, pattern) => `(${sql} LIKE ${quote(pattern.replaceAll("\\", "\\\\"))})`,
  length: (sql) => `length(${sql})`,
  bytes: (sql) => `octet_length(${sql})`,
  countIf: (condition) => `count_if(${condition})`,
  filtered: (aggregate, scope) => {
    const filter = scope === undefined ? "" : ` FILTER (WHERE ${scope})`;
    return aggregate.includes(filterMark)
      ? aggregate.replaceAll(filterMark, filter)
      : `${aggregate}${filter}`;
  },
  deviation: (sql, ddof) => `${ddof === 1 ? "stddev_samp" : "stddev_pop"}(${sql})`,
  quantile: (sql, share) => `percentile(${sql}, ${share})`,
  quantileDiscrete: (sql, share) => `percentile_disc(${share}) WITHIN GROUP (ORDER BY ${sql})`,
  quantileApproximate: (sql, share) => `percentile_approx(${sql}, ${share})`,
  distinctApproximate: (sql) => `approx_count_distinct(${sql})`,
  correlation: (a, b) => `corr(${a}, ${b})`,
  skewness: (sql) => {
    const n = `count(${sql})${filterMark}`;
    return `CASE WHEN ${n} > 2 THEN skewness(${sql})${filterMark} * sqrt(CAST(${n} AS DOUBLE) * (${n} - 1)) / (${n} - 2) END`;
  },
  kurtosis: (sql) => `kurtosis(${sql})`,
  // from_json answers a row of nulls for text that is not JSON, schema_of_json fails: get_json_object alone
  // tells the two apart
  isJson: (sql) => `(get_json_object(${sql}, '$') IS NOT NULL)`,
  isTime: (sql, format) =>
    format === undefined
      ? withPattern(sql, textOfType("TIMESTAMP"), `(try_cast(${sql} AS TIMESTAMP) IS NOT NULL)`)
      : `(try_to_timestamp(${sql}, ${quote(javaFormat(format))}) IS NOT NULL)`,
  canCast: (sql, type) => {
    const name = type.replace(/^VARCHAR$/, "STRING").replace(/^INTEGER$/, "INT");
    return withPattern(sql, textOfType(type), `(try_cast(${sql} AS ${name}) IS NOT NULL)`);
  },
  epochMilliseconds: (sql, kind) =>
    kind === "date"
      ? `(CAST(unix_date(${sql}) AS BIGINT) * 86400000)`
      : `unix_millis(CAST(${sql} AS TIMESTAMP))`,
  listOf: (items) => `filter(array(${items.join(", ")}), x -> x IS NOT NULL)`,
});

/** The pattern with `$` as the end of the text alone: Java lets it match before a last line feed too. */
function endOfText(pattern: string): string {
  let inClass = false;
  return pattern.replace(/\\[\s\S]|[[\]$]/g, (part) => {
    if (part === "[") inClass = true;
    if (part === "]") inClass = false;
    return part === "$" && !inClass ? "\\z" : part;
  });
}

function withPattern(sql: string, pattern: string | undefined, condition: string): string {
  return pattern === undefined ? condition : `(${sql} RLIKE ${quote(endOfText(pattern))} AND ${condition})`;
}
