import { joinSql, type SqlExpression, sql } from "../../sql/sql.ts";
import { quoteName, quoteText } from "../../sql/sql-text.ts";
import type { JsonValue } from "../../util/json.ts";
import type { ColumnClass } from "./column.ts";
import { type Dialect, numberText, textOfType } from "./dialect.ts";

const literalTypes: Partial<Record<ColumnClass, SqlExpression>> = {
  float: sql`FLOAT`,
  double: sql`DOUBLE`,
  date: sql`DATE`,
  timestamp: sql`TIMESTAMPTZ`,
  timestamp_ntz: sql`TIMESTAMP`,
};

/** DuckDB 1.5. */
export const duckdbDialect: Dialect = Object.freeze<Dialect>({
  name: "duckdb",
  identifier: quoteName,
  string: quoteText,
  literal: (value: JsonValue, kind: ColumnClass) => {
    if (typeof value === "boolean") return value ? sql`true` : sql`false`;
    const type = literalTypes[kind];
    if (typeof value === "number" || typeof value === "bigint")
      return type === undefined ? numberText(value) : sql`CAST(${numberText(value)} AS ${type})`;
    if (typeof value === "string")
      return type === undefined ? quoteText(value) : sql`CAST(${quoteText(value)} AS ${type})`;
    return sql`NULL`;
  },
  isNan: (value) => sql`isnan(${value})`,
  toDouble: (value) => sql`CAST(${value} AS DOUBLE)`,
  toText: (value) => sql`CAST(${value} AS VARCHAR)`,
  // For many literals the engine makes a join, which evaluates each row; a function evaluates each distinct
  // text of a dictionary once.
  isOneOf: (value, literals, kind) =>
    kind === "string" && literals.length > 1
      ? sql`list_contains([${joinSql(literals)}], ${value})`
      : sql`(${value} IN (${joinSql(literals)}))`,
  matches: (value, pattern) => sql`regexp_matches(${value}, ${quoteText(pattern)})`,
  like: (value, pattern) => sql`(${value} LIKE ${quoteText(pattern)})`,
  length: (value, kind) => (kind === "binary" ? sql`octet_length(${value})` : sql`length(${value})`),
  bytes: (value) => sql`strlen(${value})`,
  countIf: (condition) => sql`count_if(${condition})`,
  filtered: (aggregate, scope) =>
    scope === undefined ? aggregate : sql`${aggregate} FILTER (WHERE ${scope})`,
  deviation: (value, ddof) => sql`${ddof === 1 ? sql`stddev_samp` : sql`stddev_pop`}(${value})`,
  quantile: (value, share) => sql`quantile_cont(${value}, ${share})`,
  quantileDiscrete: (value, share) => sql`quantile_disc(${value}, ${share})`,
  quantileApproximate: (value, share) => sql`approx_quantile(${value}, ${share})`,
  // The engine's own estimate is off by a tenth or more; distinct hashes are as good as distinct values, and
  // take less memory.
  distinctApproximate: (value) => sql`count(DISTINCT CASE WHEN ${value} IS NOT NULL THEN hash(${value}) END)`,
  correlation: (a, b) => sql`corr(${a}, ${b})`,
  skewness: (value) => sql`skewness(${value})`,
  kurtosis: (value) => sql`kurtosis_pop(${value})`,
  isJson: (value) => sql`json_valid(${value})`,
  isTime: (value, format) =>
    format === undefined
      ? withPattern(value, textOfType("TIMESTAMP"), sql`(TRY_CAST(${value} AS TIMESTAMP) IS NOT NULL)`)
      : sql`(try_strptime(${value}, ${quoteText(format)}) IS NOT NULL)`,
  canCast: (value, type) =>
    withPattern(value, textOfType(type), sql`(TRY_CAST(${value} AS ${type}) IS NOT NULL)`),
  epochMilliseconds: (value) => sql`epoch_ms(${value})`,
  listOf: (items) => sql`list_filter([${joinSql(items)}], lambda x: x IS NOT NULL)`,
});

function withPattern(
  value: SqlExpression,
  pattern: string | undefined,
  condition: SqlExpression,
): SqlExpression {
  return pattern === undefined
    ? condition
    : sql`(regexp_matches(${value}, ${quoteText(pattern)}) AND ${condition})`;
}
