import { VarveError } from "../errors.ts";
import { fieldAt, findField } from "./fields.ts";
import { foldName } from "./schema-json.ts";
import { isPrimitive, pathText, typeText } from "./type-names.ts";
import { withTypeChange } from "./type-widening.ts";
import type { DeltaType, StructField, StructType } from "./types.ts";

/** Where a field stands among those of its struct. */
export type FieldPosition = "first" | { readonly after: string };

/**
 * A value inside a schema: the struct field that it belongs to, and the steps `element`, `key` and `value` from
 * that field to it.
 */
export interface PlacedType {
  /** Path of the field, in the schema's own spelling. */
  readonly owner: readonly string[];
  readonly below: readonly string[];
  readonly type: DeltaType;
}

/**
 * The value at a path of names, ignoring case; list and map levels are `element`, `key` and `value`.
 *
 * @throws `COLUMN_NOT_FOUND` naming the fields that there are
 */
export function placedType(schema: StructType, path: readonly string[]): PlacedType {
  let place: PlacedType = { owner: [], below: [], type: schema };
  for (const step of path) {
    const next = stepInto(place, step);
    if (next === undefined) throw notFound(path, structAround(schema, place));
    place = next;
  }
  return place;
}

function stepInto({ owner, below, type }: PlacedType, step: string): PlacedType | undefined {
  if (isPrimitive(type) || type.type === "decimal") return undefined;
  const name = foldName(step);
  if (type.type === "struct") {
    const field = findField(type, step);
    return field && { owner: [...owner, ...below, field.name], below: [], type: field.type };
  }
  const inner =
    type.type === "array" ? { element: type.elementType } : { key: type.keyType, value: type.valueType };
  const found = Object.entries(inner).find(([level]) => level === name);
  return found && { owner, below: [...below, name], type: found[1] };
}

/**
 * The field at a path, which may not be an element of a list, or a key or value of a map.
 *
 * @throws `COLUMN_NOT_FOUND`; `INVALID_ARGUMENT` for a part of a list or map
 */
export function requireField(schema: StructType, path: readonly string[]): StructField {
  const { below, type } = placedType(schema, path);
  const field = fieldAt(schema, path);
  if (below.length === 0 && field !== undefined) return field;
  throw invalid(path, `${pathText(path)} is a ${typeText(type)} inside a list or map, not a column.`);
}

/** The schema with a field added to the struct that `path` leads to, at the end or at a position. */
export function withField(
  schema: StructType,
  parent: readonly string[],
  field: StructField,
  position?: FieldPosition | undefined,
): StructType {
  return changeStruct(schema, parent, (fields) => {
    const other = findField({ type: "struct", fields }, field.name);
    if (other !== undefined) throw exists([...parent, field.name], other.name);
    return placed(fields, field, position, parent);
  });
}

/** The schema without the field at a path. @throws `INVALID_ARGUMENT` for the last one of its struct */
export function withoutField(schema: StructType, path: readonly string[]): StructType {
  const field = requireField(schema, path);
  return changeStruct(schema, path.slice(0, -1), (fields) => {
    const kept = fields.filter(({ name }) => name !== field.name);
    if (kept.length > 0) return kept;
    const where = path.length === 1 ? "the table" : `the struct ${pathText(path.slice(0, -1))}`;
    throw invalid(path, `Cannot drop ${pathText(path)}: it is the only column of ${where}.`);
  });
}

/** The schema in which the field at a path has another name. @throws `INVALID_ARGUMENT` for a name that is taken */
export function withRenamedField(schema: StructType, path: readonly string[], name: string): StructType {
  const field = requireField(schema, path);
  return changeStruct(schema, path.slice(0, -1), (fields) => {
    const other = findField({ type: "struct", fields }, name);
    if (other !== undefined) throw exists([...path.slice(0, -1), name], other.name);
    return fields.map((each) => (each.name === field.name ? { ...each, name } : each));
  });
}

/** The schema in which the field at a path stands elsewhere in its struct. */
export function withMovedField(
  schema: StructType,
  path: readonly string[],
  position: FieldPosition,
): StructType {
  const field = requireField(schema, path);
  const parent = path.slice(0, -1);
  return changeStruct(schema, parent, (fields) => {
    if (position !== "first" && foldName(position.after) === foldName(field.name)) return fields;
    const others = fields.filter(({ name }) => name !== field.name);
    return placed(others, field, position, parent);
  });
}

/** The schema in which the field at a path is another. */
export function withChangedField(
  schema: StructType,
  path: readonly string[],
  change: (field: StructField) => StructField,
): StructType {
  const field = requireField(schema, path);
  return changeStruct(schema, path.slice(0, -1), (fields) =>
    fields.map((each) => (each.name === field.name ? change(each) : each)),
  );
}

/**
 * The schema in which the value at a path has a wider type; the field that it belongs to records the change.
 * PROTOCOL.md "Writer Requirements for Type Widening": type change metadata.
 */
export function withWiderType(schema: StructType, path: readonly string[], toType: DeltaType): StructType {
  const { owner, below, type: fromType } = placedType(schema, path);
  return withChangedField(schema, owner, (field) =>
    withTypeChange(
      { ...field, type: replacedBelow(field.type, below, toType) },
      { fromType, toType, fieldPath: below },
    ),
  );
}

function replacedBelow(type: DeltaType, steps: readonly string[], to: DeltaType): DeltaType {
  const [step, ...rest] = steps;
  if (step === undefined || isPrimitive(type)) return to;
  if (type.type === "array") return { ...type, elementType: replacedBelow(type.elementType, rest, to) };
  if (type.type !== "map") return to;
  return step === "key"
    ? { ...type, keyType: replacedBelow(type.keyType, rest, to) }
    : { ...type, valueType: replacedBelow(type.valueType, rest, to) };
}

/** Rebuilds the schema with other fields in the struct at a path. */
function changeStruct(
  schema: StructType,
  path: readonly string[],
  change: (fields: readonly StructField[]) => readonly StructField[],
): StructType {
  const { type } = placedType(schema, path);
  if (isPrimitive(type) || type.type !== "struct")
    throw invalid(path, `${pathText(path)} is a ${typeText(type)}, not a struct, and has no fields.`);
  return changeBelow(schema, path, change) as StructType;
}

function changeBelow(
  type: DeltaType,
  path: readonly string[],
  change: (fields: readonly StructField[]) => readonly StructField[],
): DeltaType {
  if (isPrimitive(type) || type.type === "decimal") return type;
  const [step, ...rest] = path;
  const inner = (part: DeltaType) => changeBelow(part, rest, change);
  if (type.type === "array") return { ...type, elementType: inner(type.elementType) };
  if (type.type === "map")
    return foldName(step ?? "") === "key"
      ? { ...type, keyType: inner(type.keyType) }
      : { ...type, valueType: inner(type.valueType) };
  if (step === undefined) return { type: "struct", fields: change(type.fields) };
  const field = findField(type, step);
  const fields = type.fields.map((each) => (each === field ? { ...each, type: inner(each.type) } : each));
  return { type: "struct", fields };
}

function placed(
  fields: readonly StructField[],
  field: StructField,
  position: FieldPosition | undefined,
  parent: readonly string[],
): StructField[] {
  if (position === undefined) return [...fields, field];
  if (position === "first") return [field, ...fields];
  const index = fields.findIndex(({ name }) => foldName(name) === foldName(position.after));
  if (index < 0) throw notFound([...parent, position.after], { type: "struct", fields });
  return [...fields.slice(0, index + 1), field, ...fields.slice(index + 1)];
}

/** The struct whose fields an error names. */
function structAround(schema: StructType, { type }: PlacedType): StructType {
  return isPrimitive(type) || type.type !== "struct" ? schema : type;
}

function notFound(path: readonly string[], { fields }: StructType): VarveError {
  const names = fields.map(({ name }) => name);
  return new VarveError(
    "COLUMN_NOT_FOUND",
    `Unknown column ${pathText(path)}. The columns are: ${names.map((name) => pathText([name])).join(", ")}.`,
    { column: [...path], columns: names },
  );
}

function exists(path: readonly string[], other: string): VarveError {
  return invalid(
    path,
    `There is a column ${pathText([...path.slice(0, -1), other])} already; names that differ only by case are the same. Choose another name.`,
  );
}

function invalid(path: readonly string[], message: string): VarveError {
  return new VarveError("INVALID_ARGUMENT", message, { column: [...path] });
}
