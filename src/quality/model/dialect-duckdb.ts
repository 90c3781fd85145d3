import { joinSql, type SqlExpression, sql } from "../../sql/sql.ts";
import { plainName, quoteName, quoteText } from "../../sql/sql-text.ts";
import type { JsonValue } from "../../util/json.ts";
import type { ColumnClass } from "./column.ts";
import { type Dialect, literalClass, numberText, textOfType } from "./dialect.ts";
import { timeCodes } from "./time-format.ts";

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
    if (typeof value === "number" || typeof value === "bigint") {
      const type = literalTypes[literalClass(value, kind)];
      return type === undefined ? numberText(value) : sql`CAST(${numberText(value)} AS ${type})`;
    }
    const type = literalTypes[kind];
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
  matches,
  like: (value, pattern, mark) =>
    mark === undefined
      ? sql`(${value} LIKE ${quoteText(pattern)})`
      : sql`(${value} LIKE ${quoteText(pattern)} ESCAPE ${quoteText(mark)})`,
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
  isJson: isStrictJson,
  timeCodes: new Set(timeCodes.map((code) => code.slice(1))),
  isTime: (value, format) => {
    const parsed = sql`try_strptime(${value}, ${quoteText(format.format)})`;
    const part = (group: number) => sql`regexp_extract(${value}, ${quoteText(format.pattern)}, ${group})`;
    const conditions = [
      matches(value, format.pattern),
      sql`(${parsed} IS NOT NULL)`,
      // the engine reads day 366 of any year, and any weekday of a date
      ...(format.dayOfYear === undefined
        ? []
        : [sql`(TRY_CAST(${part(format.dayOfYear)} AS INTEGER) = dayofyear(${parsed}))`]),
      ...(format.weekday === undefined
        ? []
        : [sql`(lower(left(${part(format.weekday)}, 3)) = lower(left(dayname(${parsed}), 3)))`]),
    ];
    return sql`(${joinSql(conditions, sql` AND `)})`;
  },
  canCast: (value, type) => {
    const cast = sql`TRY_CAST(${value} AS ${plainName(type)})`;
    // digits beyond a double's range are read as infinite
    const inRange = sql`(NOT isinf(${cast}) OR ends_with(${value}, 'y'))`;
    const isWritten = matches(value, textOfType(type));
    const condition = type === "DOUBLE" ? sql`${isWritten} AND ${inRange}` : isWritten;
    // the pattern costs more than the cast, which fails for most texts that are something else
    return sql`(CASE WHEN ${cast} IS NOT NULL THEN ${condition} ELSE false END)`;
  },
  epochMilliseconds: (value) => sql`epoch_ms(${value})`,
  listOf: (items) => sql`list_filter([${joinSql(items)}], lambda x: x IS NOT NULL)`,
});

function matches(value: SqlExpression, pattern: string): SqlExpression {
  return sql`regexp_matches(${value}, ${quoteText(pattern)})`;
}

/** Signs of what the engine takes for JSON and RFC 8259 does not, and the other way round. */
const doubtful = "\\\\u[dD][89a-fA-F]|,[ \\t\\r\\n]*[\\]}]|(?:^|[:,\\[])[ \\t\\r\\n]*-?(?i:nan|inf)";
const escapes = '\\\\(?:["\\\\/bfnrt]|u[0-9a-fA-F]{4})';

/**
 * The engine's own test takes `[1,]`, `NaN` and `Infinity`, and refuses an escape of half a surrogate pair.
 * Where any of these may be, escapes are replaced by plain characters, and then strings by empty ones.
 */
function isStrictJson(value: SqlExpression): SqlExpression {
  const plain = sql`regexp_replace(${value}, ${quoteText(escapes)}, '_', 'g')`;
  const skeleton = sql`regexp_replace(${plain}, '"[^"]*"', '""', 'g')`;
  const foreign = matches(skeleton, ",[ \\t\\r\\n]*[\\]}]|(?i:na|i)");
  return sql`(CASE WHEN ${matches(value, doubtful)} THEN json_valid(${plain}) AND NOT ${foreign} ELSE json_valid(${value}) END)`;
}
