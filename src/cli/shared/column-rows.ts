import { typeText } from "../../api/schema.ts";
import type { DeltaType, StructType } from "../../index.ts";

/** One printed line per column, with nested fields below their parents. */
export function columnRows(
  schema: StructType,
  partitionColumns: readonly string[],
): Record<string, unknown>[] {
  return schema.fields.flatMap((field) =>
    rowsOf(
      [field.name],
      field.type,
      field.nullable,
      partitionColumns.includes(field.name),
      comment(field.metadata),
    ),
  );
}

function rowsOf(
  path: readonly string[],
  type: DeltaType,
  nullable: boolean,
  partition: boolean,
  note: string,
): Record<string, unknown>[] {
  const own = {
    column: path.join("."),
    type: typeText(type),
    nullable: nullable ? "yes" : "no",
    partition: partition ? "yes" : "",
    comment: note,
  };
  return [own, ...nested(path, type)];
}

function nested(path: readonly string[], type: DeltaType): Record<string, unknown>[] {
  if (typeof type === "string" || type.type === "decimal") return [];
  if (type.type === "array") return nested([...path, "element"], type.elementType);
  if (type.type === "map")
    return [...nested([...path, "key"], type.keyType), ...nested([...path, "value"], type.valueType)];
  return type.fields.flatMap((field) =>
    rowsOf([...path, field.name], field.type, field.nullable, false, comment(field.metadata)),
  );
}

function comment(metadata: Readonly<Record<string, unknown>>): string {
  const text = metadata["comment"];
  return typeof text === "string" ? text : "";
}
