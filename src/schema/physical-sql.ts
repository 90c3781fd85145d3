import { joinSql, type SqlExpression, sql } from "../sql/sql.ts";
import { lambda, quoteName, quoteText } from "../sql/sql-text.ts";
import { type ColumnMappingMode, physicalName } from "./column-mapping.ts";
import { encodedVariant, orderedVariant } from "./encoded-variant.ts";
import { isPrimitive } from "./type-names.ts";
import type { DeltaType, StructField, StructType } from "./types.ts";

/**
 * The SELECT items that turn a table's columns into those of its data files: physical names at every level,
 * `void` left out. Those with variants need the session's variant functions.
 *
 * @param shredded names of variant columns that the engine itself writes, and shreds
 *
 * @throws `SCHEMA_INVALID` as {@link physicalName}
 */
export function physicalSelectItems(
  fields: readonly StructField[],
  mode: ColumnMappingMode,
  shredded: ReadonlySet<string> = new Set(),
): SqlExpression[] {
  return fields
    .filter((field) => field.type !== "void")
    .map((field) => {
      const column = quoteName(field.name);
      const value = shredded.has(field.name)
        ? orderedVariant(column)
        : physicalValue(field.type, column, mode, 0);
      return sql`${value} AS ${quoteName(physicalName(field, mode))}`;
    });
}

/** Whether a value is the same in data files as in the table. */
function isPlain(type: DeltaType, mode: ColumnMappingMode): boolean {
  if (isPrimitive(type)) return type !== "variant";
  switch (type.type) {
    case "decimal":
      return true;
    case "array":
      return isPlain(type.elementType, mode);
    case "map":
      return isPlain(type.keyType, mode) && isPlain(type.valueType, mode);
    case "struct":
      return type.fields.every(
        (field) =>
          field.type !== "void" && physicalName(field, mode) === field.name && isPlain(field.type, mode),
      );
  }
}

function physicalValue(
  type: DeltaType,
  value: SqlExpression,
  mode: ColumnMappingMode,
  depth: number,
): SqlExpression {
  if (type === "variant") return variantParts(value);
  if (isPlain(type, mode) || isPrimitive(type)) return value;
  const variable = `varve_${depth}`;
  switch (type.type) {
    case "decimal":
      return value;
    case "array":
      return sql`list_transform(${value}, ${lambda(variable, (value) => physicalValue(type.elementType, value, mode, depth + 1))})`;
    case "map": {
      const entry = lambda(variable, (entry) => {
        const key = physicalValue(type.keyType, sql`${entry}.key`, mode, depth + 1);
        const inner = physicalValue(type.valueType, sql`${entry}.value`, mode, depth + 1);
        return sql`struct_pack("key" := ${key}, "value" := ${inner})`;
      });
      return sql`map_from_entries(list_transform(map_entries(${value}), ${entry}))`;
    }
    case "struct":
      return sql`CASE WHEN ${value} IS NULL THEN NULL ELSE struct_pack(${physicalMembers(type, value, mode, depth)}) END`;
  }
}

/** The two binary parts of an unshredded variant, PROTOCOL.md "Variant data in Parquet". */
function variantParts(value: SqlExpression): SqlExpression {
  return sql`CASE WHEN ${value} IS NULL THEN NULL ELSE ${encodedVariant(value)} END`;
}

function physicalMembers(
  type: StructType,
  value: SqlExpression,
  mode: ColumnMappingMode,
  depth: number,
): SqlExpression {
  return joinSql(
    type.fields
      .filter((field) => field.type !== "void")
      .map((field) => {
        const member = sql`struct_extract(${value}, ${quoteText(field.name)})`;
        return sql`${quoteName(physicalName(field, mode))} := ${physicalValue(field.type, member, mode, depth)}`;
      }),
  );
}
