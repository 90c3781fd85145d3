import type { EngineColumn, FencedSession, NamedColumns } from "../engine/core/contract.ts";
import { VarveError } from "../errors.ts";
import type { StructType } from "../schema/types.ts";
import { joinSql, type SqlExpression, sql } from "../sql/sql.ts";
import { columnType, quoteName } from "../sql/sql-text.ts";
import { foundText } from "./conversion.ts";
import { engineColumns, parseEngineType } from "./engine-types.ts";

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
  return sql`(${await booleanOver(fenced, where, columns)} IS TRUE)`;
}

/**
 * A caller's condition over columns, or over those of joined relations, as it is: of several truths, null among
 * them, so that the engine can join by it.
 *
 * @throws `SQL_FAILED`, `SQL_REFUSED`
 */
export async function booleanOver(
  fenced: FencedSession,
  where: string,
  scope: readonly EngineColumn[] | readonly NamedColumns[],
): Promise<SqlExpression> {
  const condition = await fenced.callerExpression(where, scope);
  await requireBoolean(fenced, where, condition, scope);
  return condition;
}

/** @throws `SQL_FAILED` for a value that is no condition */
export async function requireBoolean(
  fenced: FencedSession,
  where: string,
  condition: SqlExpression,
  scope: readonly EngineColumn[] | readonly NamedColumns[],
): Promise<void> {
  const [described] = await fenced.describe(sql`SELECT ${condition} AS condition FROM ${nullRows(scope)}`);
  if (described !== undefined && described.type !== "BOOLEAN") throw notCondition(where, described);
}

/** One row of each relation with nothing in it, of which expressions can be described. */
export function nullRows(scope: readonly EngineColumn[] | readonly NamedColumns[]): SqlExpression {
  const relations = scope.flatMap((part) => ("relation" in part ? [part] : []));
  const columns = scope.flatMap((part) => ("relation" in part ? [] : [part]));
  return relations.length === 0
    ? nullRow(columns)
    : joinSql(relations.map((own) => sql`${nullRow(own.columns)} AS ${quoteName(own.relation)}`));
}

function nullRow(columns: readonly EngineColumn[]): SqlExpression {
  const row = columns.map(({ name, type }) => sql`NULL::${columnType(type)} AS ${quoteName(name)}`);
  return sql`(SELECT ${row.length === 0 ? 1 : row})`;
}

function notCondition(where: string, { type }: EngineColumn): VarveError {
  const found = foundText(parseEngineType(type), []);
  return new VarveError(
    "SQL_FAILED",
    `The condition ${where} is of type ${found}, not true or false. Compare it with something, as in "id = 7".`,
    { condition: where, found },
  );
}
