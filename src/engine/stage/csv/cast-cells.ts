import { joinSql, type SqlName, sql } from "../../../sql/sql.ts";
import { plainName, quoteText } from "../../../sql/sql-text.ts";
import type { EngineCore } from "../../core/core.ts";
import type { ValueType } from "../../core/value-type.ts";
import { shownValueType } from "../columns/shown-value-type.ts";
import { badCellsType } from "../shared/bad-cells.ts";
import { besideStored, storedName } from "../shared/position.ts";
import { exactCast } from "./text-cells.ts";

/** A column of CSV files. */
export interface CsvColumn {
  readonly name: string;
  /** What the engine's tables call it. */
  readonly stored: SqlName;
  readonly type: ValueType;
}

interface CastTables {
  /** The texts. */
  readonly raw: SqlName;
  /** Their nested values, row by row. */
  readonly nestedTable: SqlName | undefined;
  /** What is made. */
  readonly table: SqlName;
  readonly hasBroken: boolean;
  readonly signal: AbortSignal | undefined;
}

/**
 * Makes a table of typed values from one of texts; a cell that is not of its type is null there, and listed under
 * {@link besideStored}.
 */
export async function castCells(
  core: EngineCore,
  columns: readonly CsvColumn[],
  { raw, nestedTable, table, hasBroken, signal }: CastTables,
): Promise<void> {
  const nested = columns.filter(({ type }) => isNested(type)).map(({ stored }) => stored);
  const cells = columns.map(({ name, stored, type }) => {
    const cast = isNested(type) ? nestedName(stored) : exactCast(stored, type);
    return { name, column: stored, type, cast: type.kind === "null" ? sql`NULL::INTEGER` : cast };
  });
  const beside = nested.map((stored, index) => sql`${storedName(index)} AS ${nestedName(stored)}`);
  const read =
    nestedTable === undefined
      ? raw
      : sql`${raw} POSITIONAL JOIN (SELECT ${beside} FROM ${nestedTable}) AS nested`;
  const doubtful = cells.filter(({ type }) => type.kind !== "text" && type.kind !== "null");
  const isBad = ({ column }: (typeof cells)[number]) =>
    sql`(${column} IS NOT NULL AND ${typedName(column)} IS NULL)`;
  const failures = doubtful.map((cell) => {
    const fields = sql`{"column": ${quoteText(cell.name)}, "text": ${cell.column}, "expected": ${quoteText(shownValueType(cell.type))}}`;
    return sql`CASE WHEN ${isBad(cell)} THEN ${fields} END`;
  });
  const badCells =
    doubtful.length === 0
      ? sql`NULL::${badCellsType}`
      : sql`CASE WHEN ${joinSql(doubtful.map(isBad), sql` OR `)} THEN list_filter([${failures}], lambda cell: cell IS NOT NULL) END`;
  const broken = sql`[{"column": NULL::VARCHAR, "text": ${besideStored.text}, "expected": ${besideStored.why}}]`;
  // where nulls have a text, the cell of a line that is as it should be is empty and not null
  const bad = hasBroken
    ? sql`CASE WHEN ${besideStored.why} <> '' THEN ${broken} ELSE ${badCells} END`
    : badCells;
  // each cast is a column of the rows below, so that the engine makes it once
  const typed = cells.map(({ cast, column }) => sql`${cast} AS ${typedName(column)}`);
  const selected = cells.map(({ column }) => sql`${typedName(column)} AS ${column}`);
  await core.run(
    sql`CREATE TABLE ${table} AS SELECT ${selected}, ${bad} AS ${besideStored.badCells} FROM (SELECT *, ${typed} FROM ${read})`,
    [],
    signal,
  );
}

/** Whether cells of a type are JSON. */
export const isNested = ({ kind }: ValueType): boolean =>
  kind === "struct" || kind === "list" || kind === "map";

/** The column of a value beside the column of its text. */
const typedName = (stored: SqlName): SqlName => plainName(`typed_${stored}`);

/** The column of a nested value beside the column of its text. */
const nestedName = (stored: SqlName): SqlName => plainName(`nested_${stored}`);
