import { lambda, quoteName, quoteText } from "../sql/sql-text.ts";
import { type ColumnMappingMode, physicalName } from "./column-mapping.ts";
import { isPrimitive } from "./type-names.ts";
import type { DeltaType, StructField, StructType } from "./types.ts";

/**
 * The SELECT items that turn a table's columns into those of its data files: physical names at every level,
 * `void` left out.
 *
 * @throws `SCHEMA_INVALID` as {@link physicalName}
 */
export function physicalSelectItems(fields: readonly StructField[], mode: ColumnMappingMode): string[] {
  return fields
    .filter((field) => field.type !== "void")
    .map(
      (field) =>
        `${physicalValue(field.type, quoteName(field.name), mode, 0)} AS ${quoteName(physicalName(field, mode))}`,
    );
}

/** Whether a value looks the same in data files as in the table. */
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

function physicalValue(type: DeltaType, value: string, mode: ColumnMappingMode, depth: number): string {
  if (type === "variant") return variantParts(value);
  if (isPlain(type, mode) || isPrimitive(type)) return value;
  const variable = `varve_${depth}`;
  switch (type.type) {
    case "decimal":
      return value;
    case "array":
      return `list_transform(${value}, ${lambda(variable, (value) => physicalValue(type.elementType, value, mode, depth + 1))})`;
    case "map": {
      const entry = lambda(variable, (entry) => {
        const key = physicalValue(type.keyType, `${entry}.key`, mode, depth + 1);
        const inner = physicalValue(type.valueType, `${entry}.value`, mode, depth + 1);
        return `struct_pack("key" := ${key}, "value" := ${inner})`;
      });
      return `map_from_entries(list_transform(map_entries(${value}), ${entry}))`;
    }
    case "struct":
      return `CASE WHEN ${value} IS NULL THEN NULL ELSE struct_pack(${physicalMembers(type, value, mode, depth)}) END`;
  }
}

/**
 * The two binary parts of an unshredded variant, PROTOCOL.md "Variant data in Parquet". Fields of objects
 * have to be in the order of their names (Parquet's VariantEncoding.md), in which readers search large ones;
 * the engine brings them in it when it reads the encoding. (Its own `variant_normalize` does too, but takes
 * the process down where a name is there twice.)
 */
function variantParts(value: string): string {
  const parts = (variant: string) =>
    `CAST(variant_to_parquet_variant(${variant}) AS STRUCT("metadata" BLOB, "value" BLOB))`;
  const ordered = `variant_bytes_to_variant(${parts(value)}."metadata" || ${parts(value)}."value")`;
  return `CASE WHEN ${value} IS NULL THEN NULL ELSE ${parts(ordered)} END`;
}

function physicalMembers(type: StructType, value: string, mode: ColumnMappingMode, depth: number): string {
  return type.fields
    .filter((field) => field.type !== "void")
    .map((field) => {
      const member = `struct_extract(${value}, ${quoteText(field.name)})`;
      return `${quoteName(physicalName(field, mode))} := ${physicalValue(field.type, member, mode, depth)}`;
    })
    .join(", ");
}
