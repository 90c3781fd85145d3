import type { EngineColumn, Session, StagedRelation } from "../../engine/core/contract.ts";
import { shownColumns, shownValue } from "../../engine/core/shown-value.ts";
import { VarveError } from "../../errors.ts";
import { type SqlExpression, type SqlSelect, sql } from "../../sql/sql.ts";
import { quoteName } from "../../sql/sql-text.ts";

/** One column of the table, computed from the columns of a source. */
export interface AssignedColumn {
  readonly name: string;
  /** SQL over the source's columns, of exactly the engine's type of the table's column. */
  readonly sql: SqlExpression;
  readonly type: SqlExpression;
  /** SQL that is TRUE for rows whose value cannot be assigned, and never null; absent where there are none. */
  readonly fails?: SqlExpression | undefined;
  /** SQL of the value that is assigned, for errors. */
  readonly shown: SqlExpression;
  /** Type of the column and of the value, for errors. */
  readonly expected: string;
  readonly found: string;
}

/** Computes a table's columns from those of a source. @throws `SCHEMA_MISMATCH` if no value could be assigned */
export type Assign = (columns: readonly EngineColumn[]) => readonly AssignedColumn[];

/** Thrown for a source without rows, where none mean that there is nothing to do. */
export class NoRows extends Error {}

/**
 * The rows of a source as assigned to a table's columns.
 *
 * @throws `SCHEMA_MISMATCH` with the column, the type expected, the value found and the first offending row
 */
export async function assignRows(
  session: Session,
  relation: StagedRelation,
  assign: Assign,
): Promise<StagedRelation> {
  const columns = assign(relation.columns);
  const risky = columns.flatMap(({ fails, ...column }) =>
    fails === undefined ? [] : [{ ...column, fails }],
  );
  if (risky.length > 0) {
    const questions = risky.map(({ fails }, index) => sql`bool_or(${fails}) AS c${index}`);
    const [answer] = await session.rows(sql`SELECT ${questions} FROM (${relation.sql})`);
    const first = risky.find((_, index) => answer?.[`c${index}`] === true);
    if (first !== undefined) throw await misfit(session, relation, first);
  }
  const { file, row } = relation.positionColumns;
  const items = columns.map(({ name, sql: value }) => sql`${value} AS ${quoteName(name)}`);
  const place = [sql`${quoteName(file)}`, sql`${quoteName(row)}`];
  return {
    ...relation,
    sql: sql`SELECT ${items} FROM (${relation.sql})`,
    columns: columns.map(({ name, type }) => ({ name, type })),
    positionedSql: sql`SELECT ${[...items, ...place]} FROM (${relation.positionedSql})`,
  };
}

/** Whether a relation has any row. */
export async function hasRows(session: Session, rows: SqlSelect): Promise<boolean> {
  return (await session.rows(sql`SELECT 1 FROM (${rows}) LIMIT 1`)).length > 0;
}

async function misfit(
  session: Session,
  relation: StagedRelation,
  { name, fails, shown, expected, found }: AssignedColumn & { readonly fails: SqlExpression },
): Promise<VarveError> {
  const number = quoteName(relation.positionColumns.row);
  const [match] = await session.rows(
    sql`SELECT ${shownColumns(shown)}, ${number} AS row FROM (${relation.positionedSql}) WHERE ${fails} LIMIT 1`,
  );
  const row = typeof match?.["row"] === "bigint" ? Number(match["row"]) : undefined;
  const value = shownValue(match);
  return new VarveError(
    "SCHEMA_MISMATCH",
    `Column ${name} is a ${expected}, and cannot take the ${found} value ${value ?? "null"}${row === undefined ? "" : ` (row ${row})`}. Nothing was written. Correct the value, or cast it with try_cast.`,
    { column: [name], expected, found: value ?? found, row },
  );
}
