import type { JsonValue } from "../util/json.ts";
import type { ColumnClass } from "./column.ts";
import { type Dialect, numberText } from "./dialect.ts";

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
      return type === undefined ? (/e/i.test(text) ? `CAST('${text}' AS DOUBLE)` : text) : `CAST(${text} AS ${type})`;
    }
    if (typeof value === "string") return type === undefined ? quote(value) : `CAST(${quote(value)} AS ${type})`;
    return "NULL";
  },
  isNan: (sql) => `isnan(${sql})`,
  toDouble: (sql) => `CAST(${sql} AS DOUBLE)`,
  toText: (sql) => `CAST(${sql} AS STRING)`,
  matches: (sql, pattern) => `(${sql} RLIKE ${quote(pattern)})`,
  like: (sql, pattern) => `(${sql} LIKE ${quote(pattern)})`,
  length: (sql) => `length(${sql})`,
  countIf: (condition) => `count_if(${condition})`,
  filtered: (aggregate, scope) => (scope === undefined ? aggregate : `${aggregate} FILTER (WHERE ${scope})`),
  deviation: (sql, ddof) => `${ddof === 1 ? "stddev_samp" : "stddev_pop"}(${sql})`,
  quantile: (sql, share) => `percentile(${sql}, ${share})`,
  quantileDiscrete: (sql, share) => `percentile_disc(${share}) WITHIN GROUP (ORDER BY ${sql})`,
  quantileApproximate: (sql, share) => `percentile_approx(${sql}, ${share})`,
  distinctApproximate: (sql) => `approx_count_distinct(${sql})`,
  correlation: (a, b) => `corr(${a}, ${b})`,
  skewness: (sql) => `skewness(${sql})`,
  kurtosis: (sql) => `kurtosis(${sql})`,
  // from_json answers a row of nulls for text that is no JSON, schema_of_json fails: get_json_object alone tells the two apart
  isJson: (sql) => `(get_json_object(${sql}, '$') IS NOT NULL)`,
  isTime: (sql, format) =>
    format === undefined
      ? `(try_cast(${sql} AS TIMESTAMP) IS NOT NULL)`
      : `(try_to_timestamp(${sql}, ${quote(format.replace(/%[a-zA-Z]/g, (code) => javaTime[code] ?? code))}) IS NOT NULL)`,
  canCast: (sql, type) => `(try_cast(${sql} AS ${type.replace(/^VARCHAR$/, "STRING").replace(/^INTEGER$/, "INT")}) IS NOT NULL)`,
  epochMilliseconds: (sql, kind) => (kind === "date" ? `(unix_date(${sql}) * 86400000)` : `unix_millis(CAST(${sql} AS TIMESTAMP))`),
  listOf: (items) => `filter(array(${items.join(", ")}), x -> x IS NOT NULL)`,
});
