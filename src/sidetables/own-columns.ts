import { engineColumns, engineTypeText } from "../dialects/engine-types.ts";
import { VarveError } from "../errors.ts";
import type { TableContext } from "../log/contract.ts";
import { foldName } from "../schema/schema-json.ts";
import { isPrimitive, typeText } from "../schema/type-names.ts";
import { canWiden } from "../schema/type-widening.ts";
import type { DeltaType, StructField, StructType } from "../schema/types.ts";
import { type SqlExpression, type SqlSelect, sql } from "../sql/sql.ts";
import { quoteName } from "../sql/sql-text.ts";
import { type BatchTarget, mergedTarget } from "../write/plan/batch-target.ts";

interface OwnColumns {
  readonly name: string;
  readonly context: TableContext;
  readonly columns: StructType;
}

/**
 * Checks the types of a side table's columns that varve uses. Wider types and missing columns are accepted.
 *
 * @throws `SCHEMA_MISMATCH`
 */
export function requireOwnTypes({ name, context, columns }: OwnColumns, schema: StructType): void {
  const mismatch = mismatchOf(columns, schema, []);
  if (mismatch === undefined) return;
  const { uri } = context.store;
  const column = mismatch.path.join(".");
  throw new VarveError(
    "SCHEMA_MISMATCH",
    `The ${name} at ${uri} was altered: its column ${column} has the type ${mismatch.found}, where varve needs ${mismatch.expected}. Give the column that type again, or move the folder away; a new ${name} is then created.`,
    { uri, column: mismatch.path, expected: mismatch.expected, found: mismatch.found },
  );
}

/**
 * SELECT of a side table's rows in which each column that varve uses has varve's own spelling, and is null if
 * the table lacks it; other columns stay as they are.
 *
 * @param from a relation in the columns of `schema`
 */
export function ownColumnsSql(columns: StructType, schema: StructType, from: SqlExpression): SqlSelect {
  const own = byName(columns);
  const kept = schema.fields.map(({ name }) => {
    const ownName = own.get(foldName(name))?.name ?? name;
    own.delete(foldName(name));
    return ownName === name ? quoteName(name) : sql`${quoteName(name)} AS ${quoteName(ownName)}`;
  });
  const missing = [...own.values()].map((field) => sql`${nullOf(field)} AS ${quoteName(field.name)}`);
  return sql`SELECT ${[...kept, ...missing]} FROM ${from}`;
}

/**
 * SELECT that turns rows with varve's own columns into rows of the table; columns that they lack are null.
 */
export function tableColumnsSql(own: StructType, table: StructType, rows: SqlSelect): SqlSelect {
  const ownByName = byName(own);
  const items = table.fields
    .filter(({ type }) => type !== "void")
    .map((field) => {
      const column = ownByName.get(foldName(field.name));
      const name = quoteName(field.name);
      if (column === undefined) return sql`${nullOf(field)} AS ${name}`;
      if (!isPrimitive(column.type) || column.type === field.type)
        return sql`${quoteName(column.name)} AS ${name}`;
      return sql`CAST(${quoteName(column.name)} AS ${engineTypeText(field.type)}) AS ${name}`;
    });
  return sql`SELECT ${items} FROM (${rows})`;
}

/** The target with the columns of `schema` that it lacks, as a write of such rows will leave it. */
export function withOwnColumns(target: BatchTarget, schema: StructType): BatchTarget {
  return mergedTarget(target, engineColumns(schema), true);
}

const nullOf = ({ type }: StructField): SqlExpression => sql`CAST(NULL AS ${engineTypeText(type)})`;

function byName({ fields }: StructType): Map<string, StructField> {
  return new Map(fields.map((field) => [foldName(field.name), field]));
}

interface Mismatch {
  readonly path: readonly string[];
  readonly expected: string;
  readonly found: string;
}

function mismatchOf(own: DeltaType, table: DeltaType, path: readonly string[]): Mismatch | undefined {
  const mismatch = { path, expected: typeText(own), found: typeText(table) };
  if (isPrimitive(own) || own.type === "decimal")
    return mismatch.expected === mismatch.found || canWiden(own, table) ? undefined : mismatch;
  if (isPrimitive(table)) return mismatch;
  if (own.type === "array" && table.type === "array")
    return mismatchOf(own.elementType, table.elementType, [...path, "element"]);
  if (own.type === "map" && table.type === "map")
    return (
      mismatchOf(own.keyType, table.keyType, [...path, "key"]) ??
      mismatchOf(own.valueType, table.valueType, [...path, "value"])
    );
  if (own.type !== "struct" || table.type !== "struct") return mismatch;
  const present = byName(table);
  for (const field of own.fields) {
    const column = present.get(foldName(field.name));
    const inner =
      column === undefined ? undefined : mismatchOf(field.type, column.type, [...path, column.name]);
    if (inner !== undefined) return inner;
  }
  return undefined;
}
