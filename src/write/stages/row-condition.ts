import { foundText } from "../../dialects/conversion.ts";
import { engineColumns, parseEngineType } from "../../dialects/engine-types.ts";
import type { EngineColumn, FencedSession } from "../../engine/core/contract.ts";
import { VarveError } from "../../errors.ts";
import type { StructType } from "../../schema/types.ts";
import { type SqlExpression, sql } from "../../sql/sql.ts";
import { columnType, quoteName } from "../../sql/sql-text.ts";

/**
 * A caller's condition over a table's columns, as SQL that is TRUE for the rows that meet it and FALSE for
 * others. A value of another type is no condition: the engine would take every number but 0 for true.
 *
 * @throws `SQL_FAILED`, `SQL_REFUSED`
 */
export async function rowCondition(
  fenced: FencedSession,
  where: string,
  schema: StructType,
): Promise<SqlExpression> {
  return conditionOver(fenced, where, engineColumns(schema));
}

/** Like {@link rowCondition}, over columns of the engine. */
export async function conditionOver(
  fenced: FencedSession,
  where: string,
  columns: readonly EngineColumn[],
): Promise<SqlExpression> {
  const condition = await fenced.callerExpression(where, columns);
  const row = columns.map(({ name, type }) => sql`NULL::${columnType(type)} AS ${quoteName(name)}`);
  const [described] = await fenced.describe(
    sql`SELECT ${condition} AS condition FROM (SELECT ${row.length === 0 ? 1 : row})`,
  );
  if (described !== undefined && described.type !== "BOOLEAN") throw notCondition(where, described);
  return sql`(${condition} IS TRUE)`;
}

function notCondition(where: string, { type }: EngineColumn): VarveError {
  const found = foundText(parseEngineType(type), []);
  return new VarveError(
    "SQL_FAILED",
    `The condition ${where} is of type ${found}, not true or false. Compare it with something, as in "id = 7".`,
    { condition: where, found },
  );
}
