import type { JsonValue } from "../../util/json.ts";
import type { ColumnClass } from "./column.ts";
import { type Dialect, numberText, textOfType } from "./dialect.ts";

const quote = (value: string): string => `'${value.replaceAll("'", "''")}'`;

const literalTypes: Partial<Record<ColumnClass, string>> = {
  float: "FLOAT",
  double: "DOUBLE",
  date: "DATE",
  timestamp: "TIMESTAMPTZ",
  timestamp_ntz: "TIMESTAMP",
};

/** DuckDB 1.5. */
export const duckdbDialect: Dialect = Object.freeze<Dialect>({
  name: "duckdb",
  identifier: (name) => `"${name.replaceAll('"', '""')}"`,
  string: quote,
  literal: (value: JsonValue, kind: ColumnClass) => {
    if (typeof value === "boolean") return value ? "true" : "false";
    const type = literalTypes[kind];
    if (typeof value === "number" || typeof value === "bigint")
      return type === undefined ? numberText(value) : `CAST(${numberText(value)} AS ${type})`;
    if (typeof value === "string")
      return type === undefined ? quote(value) : `CAST(${quote(value)} AS ${type})`;
    return "NULL";
  },
  isNan: (sql) => `isnan(${sql})`,
  toDouble: (sql) => `CAST(${sql} AS DOUBLE)`,
  toText: (sql) => `CAST(${sql} AS VARCHAR)`,
  // Of many literals the engine makes a join, which looks at each row; a function looks at each different
  // text of a dictionary once.
  isOneOf: (sql, literals, kind) =>
    kind === "string" && literals.length > 1
      ? `list_contains([${literals.join(", ")}], ${sql})`
      : `(${sql} IN (${literals.join(", ")}))`,
  matches: (sql, pattern) => `regexp_matches(${sql}, ${quote(pattern)})`,
  like: (sql, pattern) => `(${sql} LIKE ${quote(pattern)})`,
  length: (sql, kind) => (kind === "binary" ? `octet_length(${sql})` : `length(${sql})`),
  bytes: (sql) => `strlen(${sql})`,
  countIf: (condition) => `count_if(${condition})`,
  filtered: (aggregate, scope) => (scope === undefined ? aggregate : `${aggregate} FILTER (WHERE ${scope})`),
  deviation: (sql, ddof) => `${ddof === 1 ? "stddev_samp" : "stddev_pop"}(${sql})`,
  quantile: (sql, share) => `quantile_cont(${sql}, ${share})`,
  quantileDiscrete: (sql, share) => `quantile_disc(${sql}, ${share})`,
  quantileApproximate: (sql, share) => `approx_quantile(${sql}, ${share})`,
  // The engine's own estimate is off by a tenth and more; different hashes are as good as different values,
  // and take less room.
  distinctApproximate: (sql) => `count(DISTINCT CASE WHEN ${sql} IS NOT NULL THEN hash(${sql}) END)`,
  correlation: (a, b) => `corr(${a}, ${b})`,
  skewness: (sql) => `skewness(${sql})`,
  kurtosis: (sql) => `kurtosis_pop(${sql})`,
  isJson: (sql) => `json_valid(${sql})`,
  isTime: (sql, format) =>
    format === undefined
      ? withPattern(sql, textOfType("TIMESTAMP"), `(TRY_CAST(${sql} AS TIMESTAMP) IS NOT NULL)`)
      : `(try_strptime(${sql}, ${quote(format)}) IS NOT NULL)`,
  canCast: (sql, type) => withPattern(sql, textOfType(type), `(TRY_CAST(${sql} AS ${type}) IS NOT NULL)`),
  epochMilliseconds: (sql) => `epoch_ms(${sql})`,
  listOf: (items) => `list_filter([${items.join(", ")}], lambda x: x IS NOT NULL)`,
});

function withPattern(sql: string, pattern: string | undefined, condition: string): string {
  return pattern === undefined ? condition : `(regexp_matches(${sql}, ${quote(pattern)}) AND ${condition})`;
}
