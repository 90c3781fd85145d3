import { castTo } from "../../dialects/spark/casts.ts";
import { translateSpark } from "../../dialects/spark/translate.ts";
import { isVarveError, VarveError } from "../../errors.ts";
import type { LogSnapshot } from "../../log/contract.ts";
import { placedType, requireField, withChangedField } from "../../schema/change-fields.ts";
import { columnMetadata, metadataKeys } from "../../schema/column-metadata.ts";
import { pathText, typeText } from "../../schema/type-names.ts";
import type { StructType } from "../../schema/types.ts";
import { type SqlExpression, sql } from "../../sql/sql.ts";
import { quoteName, quoteText } from "../../sql/sql-text.ts";
import { firstIdentity } from "../../table/rules/write-rules.ts";
import { planScan } from "../../table/scan/scan.ts";
import { counted } from "../../util/counted.ts";
import type { PathAlteration } from "./column-options.ts";

/** Whether a change of a column depends on the rows that the table has. */
export function readsRows({ schema }: Pick<LogSnapshot, "schema">, change: PathAlteration): boolean {
  return change.syncIdentity === true || setsNotNull(schema, change);
}

/** Whether a change of a column makes one NOT NULL that may be null. */
export function setsNotNull(schema: StructType, { path, nullable }: PathAlteration): boolean {
  return nullable === false && requireField(schema, path).nullable;
}

/**
 * Tests new defaults, and the present rows against NOT NULL; returns the identity columns' new marks in the
 * changes' place.
 *
 * @returns changes of the schema that only rows can tell, to be applied to the schema after the others
 * @throws `CONSTRAINT_VIOLATED` with the number of rows that are null; `INVALID_ARGUMENT` for a default that is no
 * constant of the column's type
 */
export async function rowChanges(
  snapshot: LogSnapshot,
  changes: readonly PathAlteration[],
  signal: AbortSignal | undefined,
): Promise<(schema: StructType) => StructType> {
  const defaults = changes.filter((change) => typeof change.default === "string");
  const required = changes.filter((change) => setsNotNull(snapshot.schema, change));
  const synced = changes.filter((change) => change.syncIdentity === true);
  for (const { path } of required) requirePlainPath(snapshot.schema, path);
  for (const { path } of synced) identityAt(snapshot.schema, path);
  if (defaults.length + required.length + synced.length === 0) return (schema) => schema;
  for (const change of defaults) await requireConstant(snapshot, change);
  if (required.length + synced.length === 0) return (schema) => schema;
  await using session = await (await snapshot.context.engine()).open({ signal });
  const { sql: rows } = await planScan(session, snapshot);
  for (const { path } of required) {
    const [count] = await session.rows(sql`SELECT count(*) AS n FROM (${rows}) WHERE ${isMissing(path)}`);
    requireNone(path, Number(count?.["n"] ?? 0));
  }
  const marks = new Map<readonly string[], bigint>();
  for (const { path } of synced) {
    const { step } = identityAt(snapshot.schema, path);
    const column = quoteName(requireField(snapshot.schema, path).name);
    const last = step > 0n ? sql`max(${column})` : sql`min(${column})`;
    const [row] = await session.rows(sql`SELECT CAST(${last} AS VARCHAR) AS last FROM (${rows})`);
    if (typeof row?.["last"] === "string") marks.set(path, BigInt(row["last"]));
  }
  return (schema) => [...marks].reduce((all, [path, last]) => withMark(all, path, last), schema);
}

/** SQL that is TRUE where a field is null and the struct that it is in is not. */
function isMissing(path: readonly string[]): SqlExpression {
  const [first = "", ...below] = path;
  let value: SqlExpression = quoteName(first);
  const conditions: SqlExpression[] = [];
  for (const name of below) {
    conditions.push(sql`${value} IS NOT NULL`);
    value = sql`struct_extract(${value}, ${quoteText(name)})`;
  }
  return conditions.reduceRight((all, condition) => sql`${condition} AND ${all}`, sql`${value} IS NULL`);
}

function requireNone(path: readonly string[], rows: number): void {
  if (rows === 0) return;
  throw new VarveError(
    "CONSTRAINT_VIOLATED",
    `Column ${pathText(path)} is null in ${counted(rows, "row")} of the table, so it cannot be NOT NULL. Give these rows a value first. Nothing was changed.`,
    { column: [...path], kind: "not null", rows },
  );
}

function requirePlainPath(schema: StructType, path: readonly string[]): void {
  for (let end = 1; end < path.length; end++) {
    if (placedType(schema, path.slice(0, end)).below.length === 0) continue;
    throw new VarveError(
      "UNSUPPORTED_FEATURE",
      `Cannot set ${pathText(path)} to NOT NULL: it is inside a list or map. Only columns and fields of structs can be set.`,
      { column: [...path] },
    );
  }
}

/** The identity column of this name. @throws `INVALID_ARGUMENT` for another column */
function identityAt(schema: StructType, path: readonly string[]) {
  const { identity } = columnMetadata(requireField(schema, path), path);
  if (identity !== undefined && path.length === 1) return identity;
  throw new VarveError(
    "INVALID_ARGUMENT",
    `Cannot sync column ${pathText(path)}: it is not an identity column.`,
    {
      column: [...path],
    },
  );
}

/**
 * The schema in which an identity column's mark is not before a value of the column. PROTOCOL.md "Identity
 * Columns": the high-water mark of an identity column.
 */
function withMark(schema: StructType, path: readonly string[], last: bigint): StructType {
  const identity = identityAt(schema, path);
  const { start, step, highWaterMark: mark } = identity;
  const isBefore = (a: bigint, b: bigint) => (step > 0n ? a < b : a > b);
  if (isBefore(last, start) || (mark !== undefined && !isBefore(mark, last))) return schema;
  const next = firstIdentity({ ...identity, column: "", highWaterMark: last });
  const aligned = next - step === last ? last : next;
  const stored = Number.isSafeInteger(Number(aligned)) ? Number(aligned) : aligned;
  return withChangedField(schema, path, (field) => ({
    ...field,
    metadata: { ...field.metadata, [metadataKeys.identityHighWaterMark]: stored },
  }));
}

/** PROTOCOL.md "Default Columns": a constant of the column's type. */
async function requireConstant(
  { schema, context }: LogSnapshot,
  { path, default: expression }: PathAlteration,
): Promise<void> {
  if (typeof expression !== "string") return;
  const { type } = placedType(schema, path);
  const value = constant(path, expression, context.world.now());
  const cast = castTo(value, type);
  const label = `The default ${expression} of column ${pathText(path)}`;
  if (cast === undefined)
    throw invalid(path, `${label} is a ${typeText(value.type)}, which cannot be a ${typeText(type)}.`);
  if (cast.fails === undefined) return;
  await using session = await (await context.engine()).open();
  const fenced = await session.fence({ files: [] });
  const [row] = await fenced.rows(sql`SELECT ${cast.fails} AS fails`);
  if (row?.["fails"] === true) throw invalid(path, `${label} cannot be a ${typeText(type)}.`);
}

function constant(path: readonly string[], expression: string, now: number) {
  try {
    return translateSpark(expression, { type: "struct", fields: [] }, { now });
  } catch (error) {
    if (!isVarveError(error, "UNSUPPORTED_FEATURE")) throw error;
    throw new VarveError(
      "UNSUPPORTED_FEATURE",
      `The default ${expression} of column ${pathText(path)} is not a constant that varve can evaluate. ${error.message}`,
      { column: [...path], expression },
      error,
    );
  }
}

function invalid(path: readonly string[], message: string): VarveError {
  return new VarveError("INVALID_ARGUMENT", `${message} Nothing was changed.`, { column: [...path] });
}
