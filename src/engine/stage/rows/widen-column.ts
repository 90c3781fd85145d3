import { type SqlExpression, type SqlName, sql } from "../../../sql/sql.ts";
import type { EngineCore } from "../../core/core.ts";
import { columnSqlType, stagedType, type ValueType } from "../../core/value-type.ts";
import { shownValueType } from "../columns/shown-value-type.ts";
import type { DecimalShape } from "../shared/number-text.ts";
import { filledObjects, storedDigits, widenedNumbers } from "./widen-numbers.ts";

/** A column of a table of the engine that holds the rows written so far. */
export interface WrittenColumn {
  readonly core: EngineCore;
  readonly table: SqlName;
  readonly column: SqlName;
}

/** A number among the rows written so far, counted from 0. */
export interface WrittenNumber {
  readonly ordinal: number;
  readonly text: string;
}

/** Digits of the numbers that a column has; undefined where one is not finite. */
export async function writtenDigits({
  core,
  table,
  column,
}: WrittenColumn): Promise<DecimalShape | undefined> {
  const [row] = await core.rows(sql`SELECT ${storedDigits(column)} FROM ${table}`);
  if (row?.["finite"] !== true) return undefined;
  return { whole: Number(row["whole"]), scale: Number(row["scale"]) };
}

/** A change of a column's type; `otherDigits` is a number of it that its double is not printed as. */
export interface Widening {
  readonly from: ValueType;
  readonly to: ValueType;
  readonly otherDigits: WrittenNumber | undefined;
}

/** The first row that would not keep its numbers in a wider type, and why. */
export async function lostByWidening(
  { core, table, column }: WrittenColumn,
  { from, to, otherDigits }: Widening,
): Promise<{ readonly ordinal: number; readonly what: string } | undefined> {
  if (otherDigits !== undefined && to.kind === "decimal") {
    const what = `holds ${otherDigits.text} as a double, and later rows need a decimal, which would not have its digits. Pass the type`;
    return { ordinal: otherDigits.ordinal, what };
  }
  const change = widenedNumbers(from, to);
  const [own, wide] = [storedType(from), storedType(change.type)];
  if (own === wide) return undefined;
  const lost = change.isNestedDecimal
    ? sql`${column} IS NOT NULL`
    : sql`TRY_CAST(TRY_CAST(${column} AS ${wide}) AS ${own}) IS DISTINCT FROM ${column}`;
  const [row] = await core.rows(
    sql`SELECT rowid AS at, CAST(${column} AS VARCHAR) AS value FROM ${table} WHERE ${lost} LIMIT 1`,
  );
  if (row === undefined) return undefined;
  const what = `holds ${row["value"]}, which ${shownValueType(to)} cannot hold, as later rows need it to be. Pass the type`;
  return { ordinal: Number(row["at"]), what };
}

/** Changes the type of a column whose rows keep their values in it. */
export async function widenColumn(
  { core, table, column }: WrittenColumn,
  from: ValueType,
  to: ValueType,
): Promise<void> {
  const isDecimal = from.kind === "double" && to.kind === "decimal";
  // through the digits that the double is printed with, not through its binary fraction
  const changed = isDecimal
    ? sql`CAST(${column} AS VARCHAR)`
    : filledObjects(column, stagedType(from), stagedType(to));
  const using = changed === undefined ? sql`` : sql` USING CAST(${changed} AS ${storedType(to)})`;
  await core.run(sql`ALTER TABLE ${table} ALTER COLUMN ${column} SET DATA TYPE ${storedType(to)}${using}`);
}

/** The type in which the engine's table holds values of a type. */
export function storedType(type: ValueType): SqlExpression {
  return columnSqlType(stagedType(type));
}
