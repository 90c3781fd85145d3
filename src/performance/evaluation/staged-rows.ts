import type { EngineColumn, Relation, Session } from "../../engine/core/contract.ts";
import { VarveError } from "../../errors.ts";
import { foldName } from "../../schema/schema-json.ts";
import { type SqlExpression, type SqlName, sql } from "../../sql/sql.ts";
import { plainName, quoteName, quoteText } from "../../sql/sql-text.ts";
import { nearestName } from "../../util/nearest-name.ts";
import type { EvaluationRequest, EvaluationWindow, Label } from "./request.ts";

/** One kind of part of the rows: all of them, the values of a column, or windows. */
export interface Axis {
  readonly kind: "whole" | "slice" | "window";
  /** The column; empty for all rows and for windows of rows. */
  readonly name: string;
  /** Column of the staged table with the number of the part, from 0. */
  readonly code: SqlName;
  /** Names of the parts by number. */
  readonly parts: readonly string[];
}

/** Rows as an evaluation needs them, in a table of the session with a number, `rn`, that follows the source's order. */
export interface StagedRows {
  readonly table: SqlName;
  readonly axes: readonly Axis[];
}

/** A computed column of the staged table. */
export interface StagedColumn {
  readonly name: SqlName;
  readonly value: SqlExpression;
}

const source = plainName("performance_source");
const table = plainName("performance_rows");

/** Largest number of values of a `by` column that have a part of their own; the others are one part. */
const mostValues = 20;
/** Largest number of windows. */
const mostWindows = 1000;

/**
 * Stores the source once, numbered, and then the columns that an evaluation needs, with the part of each axis that a
 * row belongs to.
 *
 * @throws `COLUMN_NOT_FOUND`; `LIMIT_EXCEEDED` for too many windows; `SCHEMA_MISMATCH` for windows of what is no time
 */
export async function stageRows(
  session: Session,
  relation: Relation,
  request: Pick<EvaluationRequest, "by" | "window">,
  columns: readonly StagedColumn[],
): Promise<StagedRows> {
  await session.execute(sql`DROP TABLE IF EXISTS ${source}`);
  await session.execute(sql`DROP TABLE IF EXISTS ${table}`);
  const planned = plannedAxes(relation, request);
  const keys = planned.map(({ key }, index) => sql`${key} AS ${keyName(index)}`);
  const values = columns.map(({ name, value }) => sql`${value} AS ${name}`);
  await session.execute(
    sql`CREATE TABLE ${source} AS SELECT *, ${sql`row_number() OVER () AS rn`} FROM (SELECT ${[...values, ...keys, sql`0 AS unused`]} FROM (${relation.sql}))`,
  );
  const axes: Axis[] = [{ kind: "whole", name: "", code: codeName(0), parts: ["all"] }];
  const codes: SqlExpression[] = [sql`0 AS ${codeName(0)}`];
  const joins: SqlExpression[] = [];
  for (const [index, { kind, name }] of planned.entries()) {
    const parts =
      kind === "slice" ? await frequentValues(session, index) : await windows(session, index, name);
    const dictionary = plainName(`performance_parts_${index}`);
    await session.execute(sql`DROP TABLE IF EXISTS ${dictionary}`);
    await session.execute(sql`CREATE TABLE ${dictionary} (part VARCHAR, code INTEGER)`);
    if (parts.length > 0)
      await session.execute(
        sql`INSERT INTO ${dictionary} VALUES ${parts.map((part, code) => sql`(${quoteText(part)}, ${code})`)}`,
      );
    joins.push(sql`LEFT JOIN ${dictionary} ON ${dictionary}.part = ${source}.${keyName(index)}`);
    codes.push(sql`coalesce(${dictionary}.code, ${parts.length}) AS ${codeName(index + 1)}`);
    axes.push({
      kind,
      name,
      code: codeName(index + 1),
      parts: kind === "slice" ? [...parts, "other"] : parts,
    });
  }
  const names = columns.map(({ name }) => sql`${source}.${name}`);
  const joined = joins.reduce((before, join) => sql`${before} ${join}`, sql`${source}`);
  await session.execute(
    sql`CREATE TABLE ${table} AS SELECT ${[sql`${source}.rn`, ...names, ...codes]} FROM ${joined} ORDER BY ${source}.rn`,
  );
  await session.execute(sql`DROP TABLE ${source}`);
  return { table, axes };
}

interface PlannedAxis {
  readonly kind: "slice" | "window";
  readonly name: string;
  /** Text of the part that a row belongs to. */
  readonly key: SqlExpression;
}

function keyName(index: number): SqlName {
  return plainName(`key_${index}`);
}

function codeName(index: number): SqlName {
  return plainName(`code_${index}`);
}

function plannedAxes(
  relation: Relation,
  { by = [], window }: Pick<EvaluationRequest, "by" | "window">,
): PlannedAxis[] {
  const slices = by.map((name): PlannedAxis => {
    const column = requireSourceColumn(relation, name);
    return {
      kind: "slice",
      name: column.name,
      key: sql`coalesce(CAST(${quoteName(column.name)} AS VARCHAR), 'null')`,
    };
  });
  return window === undefined ? slices : [...slices, windowAxis(relation, window)];
}

function windowAxis(relation: Relation, window: EvaluationWindow): PlannedAxis {
  if ("rows" in window)
    return {
      kind: "window",
      name: "",
      key: sql`lpad(CAST((row_number() OVER () - 1) // ${window.rows} AS VARCHAR), 12, '0')`,
    };
  const column = requireSourceColumn(relation, window.column);
  const name = quoteName(column.name);
  if (window.every === undefined)
    return { kind: "window", name: column.name, key: sql`coalesce(CAST(${name} AS VARCHAR), 'null')` };
  const part = windowParts[window.every];
  if (part === undefined)
    throw new VarveError(
      "INVALID_ARGUMENT",
      `The windows of an evaluation are every PT1H, P1D, P1W, P1M, P3M or P1Y, not ${JSON.stringify(window.every)}.`,
      { option: "window", value: window.every },
    );
  if (!/^(?:DATE|TIMESTAMP)/.test(column.type))
    throw new VarveError(
      "SCHEMA_MISMATCH",
      `The windows need a date or timestamp, and column ${column.name} is a ${column.type}. Leave out "every" to make a window of each value.`,
      { column: [column.name], found: column.type },
    );
  const start = sql`date_trunc(${quoteText(part)}, CAST(${name} AS TIMESTAMP))`;
  return {
    kind: "window",
    name: column.name,
    key: sql`coalesce(strftime(${start}, '%Y-%m-%dT%H:%M:%SZ'), 'null')`,
  };
}

/** Parts of a time that windows may have, by their ISO 8601 durations. */
const windowParts: Readonly<Record<string, string>> = {
  PT1H: "hour",
  P1D: "day",
  P1W: "week",
  P1M: "month",
  P3M: "quarter",
  P1Y: "year",
};

async function frequentValues(session: Session, index: number): Promise<string[]> {
  const key = keyName(index);
  const rows = await session.rows(
    sql`SELECT ${key} AS part FROM ${source} GROUP BY ${key} ORDER BY count(*) DESC, ${key} LIMIT ${mostValues}`,
  );
  return rows.map(({ part }) => String(part));
}

async function windows(session: Session, index: number, name: string): Promise<string[]> {
  const key = keyName(index);
  const rows = await session.rows(
    sql`SELECT DISTINCT ${key} AS part FROM ${source} ORDER BY ${key} LIMIT ${mostWindows + 1}`,
  );
  if (rows.length > mostWindows)
    throw new VarveError(
      "LIMIT_EXCEEDED",
      `Column ${name} makes more than ${mostWindows} windows. Choose longer ones, or evaluate fewer rows.`,
      { column: [name], limit: mostWindows },
    );
  return rows.map(({ part }) => String(part));
}

/** A column of a source, ignoring case. @throws `COLUMN_NOT_FOUND` naming the existing columns of `what` it is */
export function requireSourceColumn(relation: Relation, name: string, what = "source"): EngineColumn {
  const { columns } = relation;
  const column =
    columns.find((other) => other.name === name) ??
    columns.find((other) => foldName(other.name) === foldName(name));
  if (column !== undefined) return column;
  const all = columns.map((other) => other.name);
  const nearest = nearestName(name, all);
  const hint = nearest === undefined ? "" : ` Did you mean ${nearest}?`;
  const names = all.slice(0, 30);
  const more = all.length > names.length ? ` and ${all.length - names.length} more` : "";
  throw new VarveError(
    "COLUMN_NOT_FOUND",
    `Unknown column ${name}.${hint} The ${what} has: ${names.join(", ")}${more}.`,
    { column: [name], columns: names, nearest },
  );
}

/** A column of numbers as doubles. @throws `COLUMN_NOT_FOUND`, `SCHEMA_MISMATCH` */
export function numberColumn(relation: Relation, name: string): SqlExpression {
  const column = requireSourceColumn(relation, name);
  if (isNumeric(column.type)) return sql`CAST(${quoteName(column.name)} AS DOUBLE)`;
  if (column.type === "BOOLEAN") return sql`CAST(CAST(${quoteName(column.name)} AS INTEGER) AS DOUBLE)`;
  throw new VarveError(
    "SCHEMA_MISMATCH",
    `Column ${column.name} is a ${column.type}, and must be numeric. Cast it, for example in SQL over the source.`,
    { column: [column.name], found: column.type },
  );
}

/** Whether the engine's type is one of numbers. */
export function isNumeric(type: string): boolean {
  return /^(?:U?(?:TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL\(.*\))$/.test(type);
}

/** Whether a column of classes is this class; null where it is null or NaN. @throws `INVALID_ARGUMENT` */
export function isLabel(relation: Relation, name: string, label: Label): SqlExpression {
  const column = requireSourceColumn(relation, name);
  const value = quoteName(column.name);
  if (column.type === "BOOLEAN") {
    const isTrue = ["true", "1"].includes(String(label));
    if (isTrue || ["false", "0"].includes(String(label))) return isTrue ? value : sql`(NOT ${value})`;
    throw notOfType(column, label);
  }
  if (!isNumeric(column.type)) return sql`(CAST(${value} AS VARCHAR) = ${quoteText(String(label))})`;
  const number = typeof label === "boolean" ? Number(label) : Number(label === "" ? Number.NaN : label);
  if (!Number.isFinite(number)) throw notOfType(column, label);
  const known = sql`nullif(CAST(${value} AS DOUBLE), CAST('NaN' AS DOUBLE))`;
  return sql`(${known} = CAST(${quoteText(String(number))} AS DOUBLE))`;
}

/** The class of a row as text; whole doubles without a fraction, null where it is null or NaN. */
export function labelText(relation: Relation, name: string): SqlExpression {
  const column = requireSourceColumn(relation, name);
  const value = quoteName(column.name);
  if (!/^(?:FLOAT|DOUBLE)$/.test(column.type)) return sql`CAST(${value} AS VARCHAR)`;
  const known = sql`nullif(CAST(${value} AS DOUBLE), CAST('NaN' AS DOUBLE))`;
  return sql`regexp_replace(CAST(${known} AS VARCHAR), '\\.0$', '')`;
}

function notOfType(column: EngineColumn, label: Label): VarveError {
  return new VarveError(
    "INVALID_ARGUMENT",
    `The positive class ${JSON.stringify(label)} cannot be a value of column ${column.name}, which is a ${column.type}.`,
    { column: [column.name], value: label },
  );
}

/** The default of the positive class by the type of the target. @throws `INVALID_ARGUMENT` for texts */
export function positiveLabel(relation: Relation, target: string, label: Label | undefined): Label {
  if (label !== undefined) return label;
  const column = requireSourceColumn(relation, target);
  if (column.type === "BOOLEAN") return true;
  if (isNumeric(column.type)) return 1;
  throw new VarveError(
    "INVALID_ARGUMENT",
    `Column ${column.name} is a ${column.type}, so the positive class must be named (positive: "yes").`,
    { column: [column.name], option: "positive" },
  );
}
