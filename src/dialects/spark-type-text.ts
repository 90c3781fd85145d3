import { columnMetadata } from "../schema/column-metadata.ts";
import { isPrimitive, typeText } from "../schema/type-names.ts";
import type { DeltaType, StructField } from "../schema/types.ts";

/** Names of types in Spark's SQL that differ from Delta's. */
const names: Readonly<Record<string, string>> = {
  byte: "tinyint",
  short: "smallint",
  integer: "int",
  long: "bigint",
};

/** A column's type as Spark's DESCRIBE shows it: `bigint`, `varchar(5)`, `struct<a:int,b:array<string>>`. */
export function sparkTypeText(field: StructField): string {
  const limit = columnMetadata(field).charLength;
  return limit === undefined ? textOf(field.type) : `${limit.kind}(${limit.length})`;
}

function textOf(type: DeltaType): string {
  if (isPrimitive(type)) return names[type] ?? type;
  switch (type.type) {
    case "decimal":
      return typeText(type);
    case "array":
      return `array<${textOf(type.elementType)}>`;
    case "map":
      return `map<${textOf(type.keyType)},${textOf(type.valueType)}>`;
    case "struct":
      return `struct<${type.fields.map((field) => `${field.name}:${sparkTypeText(field)}`).join(",")}>`;
  }
}
