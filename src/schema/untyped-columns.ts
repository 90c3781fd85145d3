import { appendAll } from "../util/append-all.ts";
import { mapFields } from "./fields.ts";
import { foldName } from "./schema-json.ts";
import { isPrimitive } from "./type-names.ts";
import type { DeltaType, StructField, StructType } from "./types.ts";

/**
 * Key of the metadata of an untyped column: a `string` of whose type no source ever said anything, because it
 * was null in every row. The first batch with values gives it their type (`spec/formats.md`, "Columns without
 * values").
 */
export const untypedKey = "varve.untyped";

/** Whether a field is an untyped column. */
export function isUntypedField({ type, metadata }: StructField): boolean {
  return type === "string" && metadata[untypedKey] === true;
}

/** Whether a struct has an untyped column, in itself or within structs. */
export function holdsUntyped(type: DeltaType): boolean {
  if (isPrimitive(type) || type.type !== "struct") return false;
  return type.fields.some((field) => isUntypedField(field) || holdsUntyped(field.type));
}

/**
 * The schema with `string` instead of `void`, at any depth: fields that are reached through structs alone
 * become untyped columns. Data files have to hold the others: elements of lists, keys and values of maps.
 *
 * @param partitionColumns stay plain strings: their values are in the log
 */
export function voidAsUntyped(schema: StructType, partitionColumns: readonly string[] = []): StructType {
  const partitions = new Set(partitionColumns.map(foldName));
  const fields = schema.fields.map((field): StructField => {
    if (field.type === "void" && !partitions.has(foldName(field.name)))
      return { ...field, type: "string", metadata: { ...field.metadata, [untypedKey]: true } };
    return { ...field, type: knownType(field.type) };
  });
  return { type: "struct", fields };
}

/** The type with `string` instead of `void`, at any depth; fields as by {@link voidAsUntyped}, but for `isInList`. */
export function knownType(type: DeltaType, isInList = false): DeltaType {
  if (!isInList && !isPrimitive(type) && type.type === "struct") return voidAsUntyped(type);
  return voidAsString(type);
}

function voidAsString(type: DeltaType): DeltaType {
  if (isPrimitive(type)) return type === "void" ? "string" : type;
  switch (type.type) {
    case "decimal":
      return type;
    case "struct":
      return {
        type: "struct",
        fields: type.fields.map((field) => ({ ...field, type: voidAsString(field.type) })),
      };
    case "array":
      return { ...type, elementType: voidAsString(type.elementType) };
    case "map":
      return { ...type, keyType: voidAsString(type.keyType), valueType: voidAsString(type.valueType) };
  }
}

/** Paths of the untyped columns of a schema. */
export function untypedPaths(schema: StructType, path: readonly string[] = []): string[][] {
  return schema.fields.flatMap((field) => {
    const fieldPath = [...path, field.name];
    if (isUntypedField(field)) return [fieldPath];
    return isPrimitive(field.type) || field.type.type !== "struct" ? [] : untypedPaths(field.type, fieldPath);
  });
}

/**
 * The schema with `void` for its untyped columns, of which nothing is known but that they are null.
 *
 * @param except paths of columns that stay strings
 */
export function untypedAsVoid(schema: StructType, except: readonly (readonly string[])[] = []): StructType {
  const kept = new Set(except.map((path) => JSON.stringify(path)));
  return mapFields(schema, (field, path) =>
    isUntypedField(field) && !kept.has(JSON.stringify(path)) ? { ...field, type: "void" } : field,
  );
}

/**
 * The schema with `void` for the untyped columns that data files leave out. A struct, and the table's columns
 * beside those that partition it, keep them where there is nothing else to keep.
 */
export function withoutUntyped(schema: StructType, partitionColumns: readonly string[] = []): StructType {
  const partitions = new Set(partitionColumns.map(foldName));
  const isKept = (field: StructField) =>
    !isUntypedField(field) && field.type !== "void" && !partitions.has(foldName(field.name));
  const hasOthers = schema.fields.some(isKept);
  const fields = schema.fields.map((field): StructField => {
    if (hasOthers && isUntypedField(field)) return { ...field, type: "void" };
    if (isPrimitive(field.type) || field.type.type !== "struct" || !holdsUntyped(field.type)) return field;
    return { ...field, type: withoutUntyped(field.type) };
  });
  return { type: "struct", fields };
}

/** An untyped column that got a type. */
export interface TypedColumn {
  readonly path: readonly string[];
  readonly type: DeltaType;
}

/**
 * The schema in which the untyped columns at some paths have the types that a batch has for them.
 *
 * @param hasValues whether the batch has a value in the column at a path
 */
export function typedByBatch(
  schema: StructType,
  incoming: StructType,
  hasValues: (path: readonly string[]) => boolean,
  path: readonly string[] = [],
): { readonly schema: StructType; readonly typed: readonly TypedColumn[] } {
  const byName = new Map(incoming.fields.map((field) => [foldName(field.name), field.type]));
  const typed: TypedColumn[] = [];
  const fields = schema.fields.map((field): StructField => {
    const type = byName.get(foldName(field.name));
    const fieldPath = [...path, field.name];
    if (type === undefined || type === "void") return field;
    if (isUntypedField(field)) {
      if (!hasValues(fieldPath)) return field;
      const known = knownType(type);
      typed.push({ path: fieldPath, type: known });
      return { ...withoutMark(field), type: known };
    }
    if (isPrimitive(type) || type.type !== "struct") return field;
    if (isPrimitive(field.type) || field.type.type !== "struct") return field;
    const below = typedByBatch(field.type, type, hasValues, fieldPath);
    appendAll(typed, below.typed);
    return below.typed.length === 0 ? field : { ...field, type: below.schema };
  });
  return { schema: { type: "struct", fields }, typed };
}

function withoutMark(field: StructField): StructField {
  const { [untypedKey]: _, ...metadata } = field.metadata;
  return { ...field, metadata };
}
