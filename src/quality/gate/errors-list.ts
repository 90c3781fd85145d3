import { duckdbDialect } from "../model/dialect-duckdb.ts";
import type { ColumnUse } from "../model/expectation.ts";
import type { Mask } from "./masks.ts";
import type { CheckResult } from "./verdict.ts";

const quote = duckdbDialect.string;
const textList = (items: readonly string[]): string =>
  items.length === 0 ? "CAST([] AS VARCHAR[])" : `[${items.map(quote).join(", ")}]`;

/** SQL type of the `errors` column of quarantined rows. */
export const errorsType =
  "STRUCT(check_id VARCHAR, check_name VARCHAR, columns VARCHAR[], message VARCHAR, observed_value VARCHAR, severity VARCHAR, rule_fingerprint VARCHAR)[]";

/** SQL for the list of all checks that a row fails, each with the value that was seen. */
export function errorsSql(masks: readonly Mask[], results: ReadonlyMap<string, CheckResult>): string {
  const items = masks.map((mask) => {
    const { check } = mask.planned;
    const result = results.get(check.id);
    const fields = [
      `check_id: ${quote(check.id)}`,
      `check_name: ${quote(check.kind)}`,
      `columns: ${textList(result?.columns ?? [])}`,
      `message: ${quote(result?.message ?? check.kind)}`,
      `observed_value: ${observedSql(mask.shows)}`,
      `severity: ${quote(check.severity)}`,
      `rule_fingerprint: ${quote(check.fingerprint)}`,
    ];
    return `CASE WHEN ${mask.fail} THEN {${fields.join(", ")}} END`;
  });
  return `CAST(${duckdbDialect.listOf(items)} AS ${errorsType})`;
}

/** The tested value as text; of several columns a JSON object. */
function observedSql(shows: readonly ColumnUse[]): string {
  const columns = [...new Map(shows.map((column) => [column.sql, column])).values()];
  const [only] = columns;
  if (only === undefined) return "CAST(NULL AS VARCHAR)";
  if (columns.length === 1) return `CAST(${only.sql} AS VARCHAR)`;
  return `CAST(to_json({${columns.map((column) => `${duckdbDialect.identifier(column.name)}: ${column.sql}`).join(", ")}}) AS VARCHAR)`;
}

/** SQL for the list of ids of the checks that a row fails; null where it fails none. */
export function tagsSql(masks: readonly Mask[]): string {
  return `nullif(${duckdbDialect.listOf(masks.map((mask) => `CASE WHEN ${mask.fail} THEN ${quote(mask.planned.check.id)} END`))}, CAST([] AS VARCHAR[]))`;
}
