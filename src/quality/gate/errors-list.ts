import { joinSql, type SqlExpression, sql } from "../../sql/sql.ts";
import { duckdbDialect } from "../model/dialect-duckdb.ts";
import type { ColumnUse } from "../model/expectation.ts";
import type { Mask } from "./masks.ts";
import type { CheckResult } from "./verdict.ts";

const quote = duckdbDialect.string;
const textList = (items: readonly string[]): SqlExpression =>
  items.length === 0 ? sql`CAST([] AS VARCHAR[])` : sql`[${joinSql(items.map(quote))}]`;

/** SQL type of the `errors` column of quarantined rows. */
export const errorsType = sql`STRUCT(check_id VARCHAR, check_name VARCHAR, columns VARCHAR[], message VARCHAR, observed_value VARCHAR, severity VARCHAR, rule_fingerprint VARCHAR)[]`;

/** SQL for the list of all checks that a row fails, each with the observed value. */
export function errorsSql(masks: readonly Mask[], results: ReadonlyMap<string, CheckResult>): SqlExpression {
  const items = masks.map((mask) => {
    const { check } = mask.planned;
    const result = results.get(check.id);
    const fields = [
      sql`check_id: ${quote(check.id)}`,
      sql`check_name: ${quote(check.kind)}`,
      sql`columns: ${textList(result?.columns ?? [])}`,
      sql`message: ${quote(result?.message ?? check.kind)}`,
      sql`observed_value: ${observedSql(mask.shows)}`,
      sql`severity: ${quote(check.severity)}`,
      sql`rule_fingerprint: ${quote(check.fingerprint)}`,
    ];
    return sql`CASE WHEN ${mask.fail} THEN {${joinSql(fields)}} END`;
  });
  return sql`CAST(${duckdbDialect.listOf(items)} AS ${errorsType})`;
}

/** The tested value as text; for several columns, a JSON object. */
function observedSql(shows: readonly ColumnUse[]): SqlExpression {
  const columns = [...new Map(shows.map((column) => [column.sql, column])).values()];
  const [only] = columns;
  if (only === undefined) return sql`CAST(NULL AS VARCHAR)`;
  if (columns.length === 1) return sql`CAST(${only.sql} AS VARCHAR)`;
  return sql`CAST(to_json({${joinSql(columns.map((column) => sql`${duckdbDialect.identifier(column.name)}: ${column.sql}`))}}) AS VARCHAR)`;
}

/** SQL for the list of ids of the checks that a row fails; null if it fails none. */
export function tagsSql(masks: readonly Mask[]): SqlExpression {
  return sql`nullif(${duckdbDialect.listOf(masks.map((mask) => sql`CASE WHEN ${mask.fail} THEN ${quote(mask.planned.check.id)} END`))}, CAST([] AS VARCHAR[]))`;
}
