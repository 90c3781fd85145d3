import { VarveError } from "../errors.ts";
import { foldName } from "./schema-json.ts";
import { isPrimitive, pathText } from "./type-names.ts";
import type { DeltaType, StructField, StructType } from "./types.ts";

/** A struct field with its path of names; list and map levels are `element`, `key` and `value`. */
export interface FieldAtPath {
  readonly path: readonly string[];
  readonly field: StructField;
}

/**
 * Every struct field at every depth, parents before children, in order of the schema (PROTOCOL.md "Field
 * Path").
 */
export function* allFields(schema: StructType, path: readonly string[] = []): Generator<FieldAtPath> {
  for (const field of schema.fields) {
    const fieldPath = [...path, field.name];
    yield { path: fieldPath, field };
    yield* fieldsBelow(field.type, fieldPath);
  }
}

/**
 * The leaves that have statistics: fields that are reached only through structs; arrays and maps are leaves
 * themselves.
 */
export function* leafFields(schema: StructType, path: readonly string[] = []): Generator<FieldAtPath> {
  for (const field of schema.fields) {
    const fieldPath = [...path, field.name];
    if (!isPrimitive(field.type) && field.type.type === "struct") yield* leafFields(field.type, fieldPath);
    else yield { path: fieldPath, field };
  }
}

/** Rebuilds a schema with `change` applied to every struct field, children before parents. */
export function mapFields(
  schema: StructType,
  change: (field: StructField, path: readonly string[]) => StructField,
  path: readonly string[] = [],
): StructType {
  const fields = schema.fields.map((field) => {
    const fieldPath = [...path, field.name];
    return change({ ...field, type: mapType(field.type, change, fieldPath) }, fieldPath);
  });
  return { type: "struct", fields };
}

/** Whether a value of this type is a variant or contains one. */
export function holdsVariant(type: DeltaType): boolean {
  if (isPrimitive(type)) return type === "variant";
  switch (type.type) {
    case "decimal":
      return false;
    case "array":
      return holdsVariant(type.elementType);
    case "map":
      return holdsVariant(type.keyType) || holdsVariant(type.valueType);
    case "struct":
      return type.fields.some((field) => holdsVariant(field.type));
  }
}

/** The field of this name in a struct, ignoring case, or `undefined`. */
export function findField(schema: StructType, name: string): StructField | undefined {
  const exact = schema.fields.find((field) => field.name === name);
  return exact ?? schema.fields.find((field) => foldName(field.name) === foldName(name));
}

/**
 * The field at a path of names, ignoring case; the path may contain `element`, `key` and `value`. `undefined`
 * if there is none.
 */
export function fieldAt(schema: StructType, path: readonly string[]): StructField | undefined {
  const [first, ...rest] = path;
  const field = first === undefined ? undefined : findField(schema, first);
  if (field === undefined || rest.length === 0) return field;
  const [struct, below] = structBelow(field.type, rest);
  return struct === undefined ? undefined : fieldAt(struct, below);
}

/**
 * The top-level column of this name, ignoring case. @throws `COLUMN_NOT_FOUND` naming the existing columns
 */
export function requireColumn(schema: StructType, name: string): StructField {
  const field = findField(schema, name);
  if (field !== undefined) return field;
  const names = schema.fields.map((other) => other.name);
  throw new VarveError(
    "COLUMN_NOT_FOUND",
    `Unknown column ${pathText([name])}. The columns are: ${names.map((other) => pathText([other])).join(", ")}.`,
    {
      column: [name],
      columns: names,
    },
  );
}

function* fieldsBelow(type: DeltaType, path: readonly string[]): Generator<FieldAtPath> {
  if (isPrimitive(type)) return;
  if (type.type === "struct") yield* allFields(type, path);
  if (type.type === "array") yield* fieldsBelow(type.elementType, [...path, "element"]);
  if (type.type === "map") {
    yield* fieldsBelow(type.keyType, [...path, "key"]);
    yield* fieldsBelow(type.valueType, [...path, "value"]);
  }
}

function mapType(
  type: DeltaType,
  change: (field: StructField, path: readonly string[]) => StructField,
  path: readonly string[],
): DeltaType {
  if (isPrimitive(type)) return type;
  switch (type.type) {
    case "decimal":
      return type;
    case "struct":
      return mapFields(type, change, path);
    case "array":
      return { ...type, elementType: mapType(type.elementType, change, [...path, "element"]) };
    case "map":
      return {
        ...type,
        keyType: mapType(type.keyType, change, [...path, "key"]),
        valueType: mapType(type.valueType, change, [...path, "value"]),
      };
  }
}

function structBelow(
  type: DeltaType,
  path: readonly string[],
): readonly [StructType | undefined, readonly string[]] {
  if (isPrimitive(type) || type.type === "decimal") return [undefined, path];
  if (type.type === "struct") return [type, path];
  const [step, ...rest] = path;
  if (type.type === "array")
    return step === "element" ? structBelow(type.elementType, rest) : [undefined, path];
  if (step === "key") return structBelow(type.keyType, rest);
  return step === "value" ? structBelow(type.valueType, rest) : [undefined, path];
}
