import type { DuckDBConnection } from "@duckdb/node-api";
import { joinSql, type SqlExpression, type SqlSelect, sql } from "../../sql/sql.ts";
import { lambda, quoteFile, quoteName } from "../../sql/sql-text.ts";
import type { WrittenFile } from "../core/contract.ts";
import type { TypedColumn } from "../core/core.ts";
import type { Driver } from "../core/driver.ts";
import { type OutputType, outputType } from "./output-types.ts";
import type { WrittenRelation } from "./written-file.ts";

/**
 * A COPY's setting for files without dictionaries. The engine takes 0 and -0 for one value where it makes a
 * dictionary, and writes whichever came first for both.
 */
export const noDictionary = sql`DICTIONARY_SIZE_LIMIT 0`;

/** From this many files on, reading their footers takes longer than looking at the values. */
const footersAtMost = 100;
/** What the engine puts between the names of a path. */
const pathMark = ", ";

/** {@link noDictionary} for rows that cannot be looked at twice, if they may hold -0 at all. */
export function dictionarySetting(driver: Driver, columns: readonly TypedColumn[]) {
  return columns.some(({ type }) => mayHoldFloats(outputType(driver, type))) ? [noDictionary] : [];
}

/** {@link noDictionary} for variants, of which the engine may shred any into columns of floats. */
export function variantSetting(driver: Driver, columns: readonly TypedColumn[]) {
  const types = columns.map(({ type }) => outputType(driver, type));
  return types.some((type) => mayHoldFloats(type) && !holdsFloats(type)) ? [noDictionary] : [];
}

/**
 * Whether the rows of `select` hold a -0 that these files of theirs, which were written with dictionaries, may
 * have lost. Looks only at columns of floats whose bounds include 0, and that have a dictionary.
 */
export async function minusZeroLost(
  { core, columns }: WrittenRelation,
  connection: DuckDBConnection,
  select: SqlSelect,
  files: readonly WrittenFile[],
): Promise<boolean> {
  let suspects = columns
    .map(({ name, type }) => ({ name, type: outputType(core.driver, type) }))
    .filter(({ name, type }) => holdsFloats(type) && files.some((file) => mayHoldZero(file, name)));
  if (suspects.length > 0 && files.length <= footersAtMost) {
    const paths = await dictionaryPaths(connection, files);
    suspects = suspects.filter(({ name }) =>
      paths.some((path) => path === name || path.startsWith(`${name}${pathMark}`)),
    );
  }
  if (suspects.length === 0) return false;
  const found = suspects.map(({ name, type }) => minusZero(quoteName(name), type, 0));
  const result = await connection.run(
    sql`SELECT coalesce(bool_or(${joinSql(found, sql` OR `)}), false) AS found FROM (${select})`,
  );
  const [row] = await result.getRowObjects();
  return row?.["found"] === true;
}

async function dictionaryPaths(connection: DuckDBConnection, files: readonly WrittenFile[]) {
  const footers = files.map(({ file }) => sql`SELECT * FROM parquet_metadata(${quoteFile(file)})`);
  const result = await connection.run(
    sql`SELECT DISTINCT path_in_schema AS path FROM (${joinSql(footers, sql` UNION ALL `)})
      WHERE type IN ('FLOAT', 'DOUBLE') AND contains(encodings, 'DICTIONARY')`,
  );
  return (await result.getRowObjects()).map((row) => String(row["path"]));
}

/** By the bounds of the column's values; what lies in lists and maps may lack them. */
function mayHoldZero({ columns, rows }: WrittenFile, name: string): boolean {
  const own = columns.filter(({ path }) => path[0] === name);
  return (
    own.length === 0 ||
    own.some(({ min, max, nullCount, path }) => {
      if (min === undefined || max === undefined) return path.length > 1 || nullCount !== rows;
      return !(Number(min) > 0 || Number(max) < 0);
    })
  );
}

function holdsFloats(type: OutputType): boolean {
  switch (type.kind) {
    case "float":
    case "double":
      return true;
    case "list":
      return holdsFloats(type.element);
    case "map":
      return holdsFloats(type.key) || holdsFloats(type.value);
    case "struct":
    case "union":
      return type.fields.some((field) => holdsFloats(field.type));
    default:
      return false;
  }
}

/** Also by variants, which the engine may shred into columns. */
function mayHoldFloats(type: OutputType): boolean {
  switch (type.kind) {
    case "variant":
      return true;
    case "list":
      return mayHoldFloats(type.element);
    case "map":
      return mayHoldFloats(type.key) || mayHoldFloats(type.value);
    case "struct":
    case "union":
      return type.fields.some((field) => mayHoldFloats(field.type));
    default:
      return holdsFloats(type);
  }
}

/** Whether a value is or holds -0; null where it is null or holds null. */
function minusZero(value: SqlExpression, type: OutputType, depth: number): SqlExpression {
  switch (type.kind) {
    case "float":
    case "double":
      return sql`(${value} = 0 AND signbit(${value}))`;
    case "list":
      return anyMinusZero(value, type.element, depth);
    case "map": {
      const keys = anyMinusZero(sql`map_keys(${value})`, type.key, depth);
      return sql`(${keys} OR ${anyMinusZero(sql`map_values(${value})`, type.value, depth)})`;
    }
    case "struct":
    case "union": {
      const fields = type.fields.filter((field) => holdsFloats(field.type));
      const found = fields.map((field) => minusZero(field.of(value), field.type, depth));
      return found.length === 0 ? sql`false` : sql`(${joinSql(found, sql` OR `)})`;
    }
    default:
      return sql`false`;
  }
}

function anyMinusZero(list: SqlExpression, element: OutputType, depth: number): SqlExpression {
  if (!holdsFloats(element)) return sql`false`;
  const test = lambda(`v${depth}`, (value) => minusZero(value, element, depth + 1));
  return sql`list_bool_or(list_transform(${list}, ${test}))`;
}
