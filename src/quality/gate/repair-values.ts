import { shownType } from "../../dialects/shown-type.ts";
import type { Session } from "../../engine/core/contract.ts";
import { joinSql, type SqlExpression, sql } from "../../sql/sql.ts";
import { columnType, quoteText } from "../../sql/sql-text.ts";
import { type JsonValue, stringifyJson } from "../../util/json.ts";
import { isTemporal } from "../model/column.ts";
import { duckdbDialect } from "../model/dialect-duckdb.ts";
import type { ColumnUse } from "../model/expectation.ts";
import { invalidSuite } from "../model/invalid.ts";
import type { Check } from "../model/suite.ts";
import { literalBeside } from "../suite/plan.ts";

/** A column to repair, with its type in the engine's spelling. */
export interface RepairedColumn extends ColumnUse {
  readonly engineType: string;
}

/**
 * Refuses a constant repair that the column cannot hold exactly, whether or not a row fails, so that no value
 * is rounded or cut in silence.
 *
 * @throws `SUITE_INVALID`
 */
export async function refuseMisfit(session: Session, check: Check, column: RepairedColumn): Promise<void> {
  if (check.repair?.with === "default") {
    const { value } = check.repair;
    if (await isHeld(session, column, value)) return;
    throw misfit(`${check.path}.repair.value`, `${stringifyJson(value)} does not fit exactly`, column);
  }
  if (check.repair?.with !== "clip") return;
  for (const side of ["min_value", "max_value"] as const) {
    const value = check.params[side];
    const bound = clipBound(check, column, side);
    if (value === undefined || bound === undefined || (await isKnown(session, bound))) continue;
    const beyond = side === "min_value" ? Number(value) > 0 : Number(value) < 0;
    if (beyond)
      throw misfit(
        `${check.path}.params.${side}`,
        `${stringifyJson(value)} is beyond all its values`,
        column,
      );
  }
}

/** The failing value moved to the nearest value of the column within the range; null stays null. */
export function clipSql(check: Check, column: RepairedColumn): SqlExpression {
  const cases = (["min_value", "max_value"] as const).flatMap((side) => {
    const bound = clipBound(check, column, side);
    return bound === undefined
      ? []
      : [sql`WHEN ${column.sql} ${beyondSign[side]} ${literalOf(check, column, side)} THEN ${bound}`];
  });
  return cases.length === 0 ? column.sql : sql`CASE ${joinSql(cases, sql` `)} ELSE ${column.sql} END`;
}

const beyondSign = { min_value: sql`<`, max_value: sql`>` };
const step = { min_value: sql`+`, max_value: sql`-` };

type Side = keyof typeof beyondSign;

function literalOf(check: Check, column: ColumnUse, side: Side): SqlExpression {
  return literalBeside(check.params[side] ?? null, column, duckdbDialect);
}

/**
 * The column's value that is nearest to a bound inside the range; null if the type has none, because the
 * bound is beyond its values.
 */
function clipBound(check: Check, column: RepairedColumn, side: Side): SqlExpression | undefined {
  if (check.params[side] === undefined) return undefined;
  const literal = literalOf(check, column, side);
  const type = columnType(column.engineType);
  const rounded = sql`TRY_CAST(${literal} AS ${type})`;
  const unit = unitOf(column);
  if (unit === undefined) return rounded;
  // the cast rounds to the nearest value, which may lie outside the range
  return sql`CASE WHEN ${rounded} ${beyondSign[side]} ${literal} THEN TRY_CAST(TRY(${rounded} ${step[side]} ${unit}) AS ${type}) ELSE ${rounded} END`;
}

/** The distance between neighbouring values of an exact type. */
function unitOf({ class: kind, engineType }: RepairedColumn): SqlExpression | undefined {
  if (kind === "integer") return sql`1`;
  if (kind !== "decimal") return undefined;
  const scale = Number(/,\s*(\d+)\)/.exec(engineType)?.[1] ?? 0);
  return scale === 0
    ? sql`1`
    : sql`CAST(${duckdbDialect.string(`1e-${scale}`)} AS ${columnType(engineType)})`;
}

async function isHeld(session: Session, column: RepairedColumn, value: JsonValue): Promise<boolean> {
  // the engine keeps microseconds, and cuts what is finer
  if (isTemporal(column.class) && /\.\d{6}\d*[1-9]/.test(String(value))) return false;
  const literal = literalBeside(value, column, duckdbDialect);
  const cast = sql`TRY_CAST(${literal} AS ${columnType(column.engineType)})`;
  // a float holds the double nearest to it, as everywhere
  if (column.class === "float") return isKnown(session, cast);
  // the literal of a date has lost its time of day
  const given = column.class === "date" ? sql`CAST(${quoteText(String(value))} AS TIMESTAMP)` : literal;
  return isKnown(session, sql`nullif(${cast} = ${given}, false)`);
}

/** Whether a constant has a value and no error. */
async function isKnown(session: Session, constant: SqlExpression): Promise<boolean> {
  const [row] = await session.rows(sql`SELECT TRY(${constant}) IS NOT NULL AS known`);
  return row?.["known"] === true;
}

function misfit(path: string, problem: string, column: RepairedColumn): Error {
  return invalidSuite(
    path,
    `${problem}, but column "${column.name}" is of type ${shownType(column.type)}`,
    "Pass a value that the column can hold",
  );
}
