import { rowMisfitError } from "../../dialects/enforcement.ts";
import type { EngineRow, Session } from "../../engine/core/contract.ts";
import { shownColumns, shownValue } from "../../engine/core/shown-value.ts";
import { VarveError } from "../../errors.ts";
import { pathText } from "../../schema/type-names.ts";
import { joinSql, sql } from "../../sql/sql.ts";
import { armsOf, armValues, checkCondition, type MergeRows, riskyCondition } from "./merge-images.ts";
import type { RiskyValue } from "./merge-values.ts";

/**
 * Looks for a row whose new value cannot be computed, or is none of its column.
 *
 * @throws `SCHEMA_MISMATCH` with column, value and the number of the source's row
 */
export async function refuseFailingValues(
  session: Session,
  rows: MergeRows,
  changedOnly: boolean,
): Promise<void> {
  for (const arm of armsOf(rows, changedOnly)) {
    for (const clause of arm.clauses) {
      for (const risky of clause.risky) {
        const conditions = [...arm.where, riskyCondition(arm, clause, risky)];
        const [row] = await session.rows(
          sql`SELECT ${shownColumns(risky.value.shown)}, ${arm.number} AS row FROM ${arm.from} WHERE ${joinSql(conditions, sql` AND `)} LIMIT 1`,
        );
        if (row !== undefined) throw failingValue(risky, row);
      }
      const { names } = rows.actions;
      for (const { plan } of clause.columns.values()) {
        for (const check of plan.checks) {
          const [row] = await session.rows(
            sql`SELECT ${shownColumns(check.value)}, ${names.number} AS row FROM (${armValues(rows, arm)}) WHERE ${checkCondition(rows.actions, clause.index, check)} LIMIT 1`,
          );
          if (row !== undefined) throw rowMisfitError(check, { row: rowNumber(row), value: shownValue(row) });
        }
      }
    }
  }
}

function failingValue({ path, value }: RiskyValue, row: EngineRow): VarveError {
  const text = shownValue(row) ?? "null";
  const number = rowNumber(row);
  const place = number === undefined ? "" : ` (source row ${number})`;
  return new VarveError(
    "SCHEMA_MISMATCH",
    `Column ${pathText(path)} is a ${value.expected}, and cannot take the ${value.found} value ${text}, or it cannot be computed${place}. Nothing was written. Correct the value, or cast it with try_cast.`,
    { column: [...path], expected: value.expected, found: text, row: number },
  );
}

function rowNumber({ row }: EngineRow): number | undefined {
  return typeof row === "bigint" || typeof row === "number" ? Number(row) : undefined;
}
