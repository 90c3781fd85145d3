import { isJsonObject, type JsonValue } from "../util/json.ts";
import { allFields } from "./fields.ts";
import { typeFromJson, typeToJson } from "./schema-json.ts";
import { isPrimitive, typeText } from "./type-names.ts";
import type { DeltaType, StructField, StructType } from "./types.ts";

/** Key of a field's history of type changes. */
export const typeChangesKey = "delta.typeChanges";

/** Whether a field of a schema, at any depth, has a history of type changes. */
export function holdsTypeChanges(schema: StructType): boolean {
  return [...allFields(schema)].some(({ field }) => field.metadata[typeChangesKey] !== undefined);
}

/**
 * One change of a field's type, PROTOCOL.md "Type Change Metadata"; `fieldPath` leads from the field to the
 * changed key, value or element.
 */
export interface TypeChange {
  readonly fromType: DeltaType;
  readonly toType: DeltaType;
  readonly fieldPath: readonly string[];
}

const integerDigits: Readonly<Record<string, number>> = { byte: 10, short: 10, integer: 10, long: 20 };
const integerOrder: readonly DeltaType[] = ["byte", "short", "integer", "long"];

/**
 * Whether Delta can change a column from one type to the other without rewriting data files, PROTOCOL.md
 * "Type Widening". Equal types: no.
 */
export function canWiden(from: DeltaType, to: DeltaType): boolean {
  if (!isPrimitive(to)) {
    if (to.type !== "decimal") return false;
    if (isPrimitive(from)) {
      const digits = integerDigits[from];
      return digits !== undefined && to.precision - to.scale >= digits;
    }
    if (from.type !== "decimal" || typeText(from) === typeText(to)) return false;
    return to.scale >= from.scale && to.precision - from.precision >= to.scale - from.scale;
  }
  if (!isPrimitive(from)) return false;
  if (from === "date") return to === "timestamp_ntz";
  if (to === "double") return from === "float" || from === "byte" || from === "short" || from === "integer";
  const [low, high] = [integerOrder.indexOf(from), integerOrder.indexOf(to)];
  return low >= 0 && high > low;
}

/** Digits that hold every value of a whole-number type. */
const integerWidth: Readonly<Record<string, number>> = { byte: 3, short: 5, integer: 10, long: 19 };

/**
 * Whether every value of one type is exactly a value of the other, so that files can be read after a change
 * that {@link canWiden} refuses: Spark's preview of type widening changed bytes and shorts to decimals with
 * fewer than ten whole digits.
 */
export function canReadWidened(from: DeltaType, to: DeltaType): boolean {
  if (canWiden(from, to)) return true;
  if (isPrimitive(to) || to.type !== "decimal" || !isPrimitive(from)) return false;
  const digits = integerWidth[from];
  return digits !== undefined && to.precision - to.scale >= digits;
}

/**
 * A field's history of type changes, oldest first. @throws `SCHEMA_INVALID` for an entry that cannot be read
 */
export function typeChangesOf(field: StructField): TypeChange[] {
  const changes = field.metadata[typeChangesKey];
  if (changes === undefined || changes === null) return [];
  const list: readonly (JsonValue | undefined)[] = Array.isArray(changes) ? changes : [undefined];
  return list.map((change) => {
    const entry = isJsonObject(change) ? change : {};
    const path = entry["fieldPath"];
    return {
      fromType: typeFromJson(entry["fromType"], [field.name]),
      toType: typeFromJson(entry["toType"], [field.name]),
      fieldPath: typeof path === "string" ? path.split(".") : [],
    };
  });
}

/** The field with a change added to its history; its type is unchanged. */
export function withTypeChange(field: StructField, change: TypeChange): StructField {
  const entry: Record<string, JsonValue> = {
    fromType: typeToJson(change.fromType),
    toType: typeToJson(change.toType),
  };
  if (change.fieldPath.length > 0) entry["fieldPath"] = change.fieldPath.join(".");
  const before = field.metadata[typeChangesKey];
  const history = Array.isArray(before) ? before : [];
  return { ...field, metadata: { ...field.metadata, [typeChangesKey]: [...history, entry] } };
}
