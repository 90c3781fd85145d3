import { foldName } from "./schema-json.ts";
import { isPrimitive, typeText } from "./type-names.ts";
import { canWiden, type TypeChange, withTypeChange } from "./type-widening.ts";
import type { DeltaType, StructField, StructType } from "./types.ts";
import { knownType, voidAsUntyped } from "./untyped-columns.ts";

/** A table's schema after an incoming one was merged into it. */
export interface MergedSchema {
  readonly schema: StructType;
  /** Paths of the fields that are new. */
  readonly added: readonly (readonly string[])[];
  /** Paths of the fields whose type became wider. */
  readonly widened: readonly (readonly string[])[];
}

/** What {@link mergeSchema} may do in addition to adding columns. */
export interface MergeOptions {
  /** Whether to widen types, which needs the table's property `delta.enableTypeWidening`. */
  readonly widen: boolean;
}

/**
 * The table's schema with the incoming columns that it lacks added at the end, nested structs member by
 * member; new fields are nullable, and untyped columns where the incoming ones are `void`. Columns that the incoming schema lacks stay. Types that differ stay as
 * they are unless widened; whether the data fits is for enforcement. PROTOCOL.md "Writer Requirements for
 * Type Widening" and "Consistency Between Table Metadata and Data Files".
 */
export function mergeSchema(table: StructType, incoming: StructType, options: MergeOptions): MergedSchema {
  const [added, widened]: [string[][], string[][]] = [[], []];
  const schema = mergeStruct(table, incoming, [], { options, added, widened, isInList: false });
  return { schema, added, widened };
}

interface Merge {
  readonly options: MergeOptions;
  readonly added: string[][];
  readonly widened: string[][];
  /** Whether the fields are those of a list's or a map's elements. */
  readonly isInList: boolean;
}

function mergeStruct(
  table: StructType,
  incoming: StructType,
  path: readonly string[],
  merge: Merge,
): StructType {
  const byName = new Map(incoming.fields.map((field) => [foldName(field.name), field]));
  const fields = table.fields.map((field) => {
    const newer = byName.get(foldName(field.name));
    byName.delete(foldName(field.name));
    return newer === undefined ? field : mergeField(field, newer, [...path, field.name], merge);
  });
  for (const field of byName.values()) {
    merge.added.push([...path, field.name]);
    fields.push(newField(field, merge.isInList));
  }
  return { type: "struct", fields };
}

function mergeField(
  field: StructField,
  incoming: StructField,
  path: readonly string[],
  merge: Merge,
): StructField {
  const changes: TypeChange[] = [];
  const type = mergeType(field.type, incoming.type, path, [], merge, changes);
  if (changes.length > 0) merge.widened.push([...path]);
  return changes.reduce((changed, change) => withTypeChange(changed, change), { ...field, type });
}

function mergeType(
  table: DeltaType,
  incoming: DeltaType,
  path: readonly string[],
  below: readonly string[],
  merge: Merge,
  changes: TypeChange[],
): DeltaType {
  if (table === "void") return incoming === "void" ? table : allNullable(knownType(incoming, merge.isInList));
  if (isPrimitive(table) || table.type === "decimal") {
    if (!merge.options.widen || !canWiden(table, incoming)) return table;
    changes.push({ fromType: table, toType: incoming, fieldPath: below });
    return incoming;
  }
  if (isPrimitive(incoming) || incoming.type !== table.type) return table;
  if (table.type === "struct" && incoming.type === "struct") return mergeStruct(table, incoming, path, merge);
  const inside = (name: string, inner: DeltaType, incomingInner: DeltaType) =>
    mergeType(inner, incomingInner, [...path, name], [...below, name], { ...merge, isInList: true }, changes);
  if (table.type === "array" && incoming.type === "array") {
    return { ...table, elementType: inside("element", table.elementType, incoming.elementType) };
  }
  if (table.type === "map" && incoming.type === "map") {
    return {
      ...table,
      keyType: inside("key", table.keyType, incoming.keyType),
      valueType: inside("value", table.valueType, incoming.valueType),
    };
  }
  return table;
}

/** A new column; one that is always null becomes an untyped one. */
function newField(field: StructField, isInList: boolean): StructField {
  const { name, metadata } = field;
  const type = allNullable(field.type);
  if (isInList) return { name, type: knownType(type, isInList), nullable: true, metadata };
  const [known = field] = voidAsUntyped({
    type: "struct",
    fields: [{ name, type, nullable: true, metadata }],
  }).fields;
  return known;
}

function allNullable(type: DeltaType): DeltaType {
  if (isPrimitive(type)) return type;
  switch (type.type) {
    case "decimal":
      return type;
    case "struct":
      return {
        type: "struct",
        fields: type.fields.map((field) => ({ ...field, type: allNullable(field.type), nullable: true })),
      };
    case "array":
      return { type: "array", elementType: allNullable(type.elementType), containsNull: true };
    case "map":
      return {
        type: "map",
        keyType: allNullable(type.keyType),
        valueType: allNullable(type.valueType),
        valueContainsNull: true,
      };
  }
}

/** Whether two schemas are equal in every column, including metadata and order. */
export function sameSchema(a: StructType, b: StructType): boolean {
  return typeText(a) === typeText(b) && JSON.stringify(a, bigintText) === JSON.stringify(b, bigintText);
}

function bigintText(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? `${value}n` : value;
}
