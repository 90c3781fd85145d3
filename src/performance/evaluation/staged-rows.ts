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
  readonly rows: number;
}

/** A computed column of the staged table. */
export interface StagedColumn {
  readonly name: SqlName;
  readonly value: SqlExpression;
}

const table = plainName("performance_rows");

/** Largest number of values of a `by` column that have a part of their own; the others are one part. */
const mostValues = 20;
/** Largest number of windows. */
const mostWindows = 1000;

/**
 * Stores the columns that an evaluation needs once, numbered, with the part of each axis that a row belongs to.
 *
 * The texts of the parts become numbers in place, because a second table beside the first would double the memory.
 *
 * @throws `COLUMN_NOT_FOUND`; `LIMIT_EXCEEDED` for too many windows; `SCHEMA_MISMATCH` for windows of what is no time
 */
export async function stageRows(
  session: Session,
  relation: Relation,
  request: Pick<EvaluationRequest, "by" | "window">,
  columns: readonly StagedColumn[],
): Promise<StagedRows> {
  await session.execute(sql`DROP TABLE IF EXISTS ${table}`);
  const planned = plannedAxes(relation, request);
  const keyed = planned.map(({ key }, index) => sql`${key} AS ${codeName(index + 1)}`);
  const values = columns.map(({ name, value }) => sql`${value} AS ${name}`);
  const numbered = sql`SELECT ${[...values, ...keyed]}, row_number() OVER () AS rn FROM (${relation.sql})`;
  await session.execute(
    sql`CREATE TABLE ${table} AS SELECT *, CAST(0 AS UTINYINT) AS ${codeName(0)} FROM (${numbered})`,
  );
  const axes: Axis[] = [{ kind: "whole", name: "", code: codeName(0), parts: ["all"] }];
  for (const [index, { kind, name, rows }] of planned.entries()) {
    const code = codeName(index + 1);
    if (rows !== undefined) {
      axes.push({ kind, name, code, parts: await rowWindows(session, code) });
      continue;
    }
    const parts = kind === "slice" ? await frequentValues(session, code) : await windows(session, code, name);
    await encode(session, code, parts);
    axes.push({ kind, name, code, parts: kind === "slice" ? [...parts, "other"] : parts });
  }
  const [counted] = await session.rows(sql`SELECT count(*) AS rows FROM ${table}`);
  return { table, axes, rows: Number(counted?.["rows"] ?? 0) };
}

/** Replaces the texts of a column by their numbers; those of no part are one more. */
async function encode(session: Session, code: SqlName, parts: readonly string[]): Promise<void> {
  if (parts.length === 0) return;
  const type = plainName("performance_parts");
  await session.execute(sql`DROP TYPE IF EXISTS ${type}`);
  await session.execute(
    sql`CREATE TYPE ${type} AS ENUM (SELECT unnest([${parts.map((part) => quoteText(part))}]))`,
  );
  await session.execute(
    sql`ALTER TABLE ${table} ALTER ${code} SET DATA TYPE USMALLINT USING coalesce(enum_code(TRY_CAST(${code} AS ${type})), ${parts.length})`,
  );
}

interface PlannedAxis {
  readonly kind: "slice" | "window";
  readonly name: string;
  /** Text of the part that a row belongs to; its number, of windows of rows. */
  readonly key: SqlExpression;
  /** Rows of a window, of windows of rows. */
  readonly rows?: number | undefined;
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
      key: sql`CAST(least((row_number() OVER () - 1) // ${window.rows}, ${mostWindows}) AS USMALLINT)`,
      rows: window.rows,
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

async function frequentValues(session: Session, key: SqlName): Promise<string[]> {
  const rows = await session.rows(
    sql`SELECT ${key} AS part FROM ${table} GROUP BY ${key} ORDER BY count(*) DESC, ${key} LIMIT ${mostValues}`,
  );
  return rows.map(({ part }) => String(part));
}

async function windows(session: Session, key: SqlName, name: string): Promise<string[]> {
  const rows = await session.rows(
    sql`SELECT DISTINCT ${key} AS part FROM ${table} ORDER BY ${key} LIMIT ${mostWindows + 1}`,
  );
  requireWindows(rows.length, name);
  return rows.map(({ part }) => String(part));
}

/** The names of windows of rows: their numbers, from 0. */
async function rowWindows(session: Session, code: SqlName): Promise<string[]> {
  const [row] = await session.rows(sql`SELECT max(${code}) AS last FROM ${table}`);
  const last = row?.["last"] ?? null;
  const count = last === null ? 0 : Number(last) + 1;
  requireWindows(count, "");
  return Array.from({ length: count }, (_, index) => String(index).padStart(12, "0"));
}

function requireWindows(count: number, name: string): void {
  if (count <= mostWindows) return;
  const what = name === "" ? "The rows make" : `Column ${name} makes`;
  throw new VarveError(
    "LIMIT_EXCEEDED",
    `${what} more than ${mostWindows} windows. Choose longer ones, or evaluate fewer rows.`,
    { column: name === "" ? [] : [name], limit: mostWindows },
  );
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
