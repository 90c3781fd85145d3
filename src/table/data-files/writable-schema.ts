import { VarveError } from "../../errors.ts";
import { requireColumn } from "../../schema/fields.ts";
import { isPartitionable } from "../../schema/partition-values.ts";
import { isPrimitive, pathText, typeText } from "../../schema/type-names.ts";
import type { DeltaType, StructType } from "../../schema/types.ts";

/**
 * Checks that data files can hold a schema, PROTOCOL.md "Void Type".
 *
 * @throws `SCHEMA_INVALID` for void in lists and maps, structs and tables of void alone
 */
export function checkWritable(schema: StructType): void {
  checkStruct(schema, []);
}

function checkStruct(struct: StructType, path: readonly string[]): void {
  if (struct.fields.every((field) => field.type === "void")) {
    const what =
      path.length === 0
        ? "the table has no column that can hold a value"
        : `the struct ${pathText(path)} has no field that can hold a value`;
    throw new VarveError("SCHEMA_INVALID", `Cannot write a data file: ${what}. Add a column first.`, {
      column: [...path],
    });
  }
  for (const field of struct.fields) checkType(field.type, [...path, field.name]);
}

function checkType(type: DeltaType, path: readonly string[]): void {
  if (isPrimitive(type) || type.type === "decimal") return;
  if (type.type === "struct") {
    checkStruct(type, path);
    return;
  }
  const inner = type.type === "array" ? [type.elementType] : [type.keyType, type.valueType];
  for (const part of inner) {
    if (part === "void") {
      throw new VarveError(
        "SCHEMA_INVALID",
        `Cannot write column ${pathText(path)} of type ${typeText(type)}: lists and maps of void are not supported. Change its type.`,
        {
          column: [...path],
        },
      );
    }
    checkType(part, path);
  }
}

/**
 * Checks that a table can be partitioned by these columns. PROTOCOL.md "Partition Value Serialization".
 *
 * @throws `COLUMN_NOT_FOUND`, `SCHEMA_INVALID` for a type that has no partition values, a column named twice,
 * or no column left for the files
 */
export function checkPartitioning(schema: StructType, partitionColumns: readonly string[]): string[] {
  const fields = partitionColumns.map((name) => requireColumn(schema, name));
  for (const [index, field] of fields.entries()) {
    if (!isPartitionable(field.type)) {
      throw new VarveError(
        "SCHEMA_INVALID",
        `Cannot partition by column ${pathText([field.name])} of type ${typeText(field.type)}. Choose a column of a primitive type.`,
        {
          column: [field.name],
          found: typeText(field.type),
        },
      );
    }
    if (fields.indexOf(field) !== index)
      throw new VarveError("INVALID_ARGUMENT", `Duplicate partition column ${field.name}. List it once.`, {
        column: [field.name],
      });
  }
  if (fields.length > 0 && fields.length === schema.fields.length) {
    throw new VarveError(
      "SCHEMA_INVALID",
      "Cannot partition by all columns: data files need at least one column. Leave one out of the partition columns.",
      {
        partitionColumns: [...partitionColumns],
      },
    );
  }
  return fields.map((field) => field.name);
}
