import { foldName } from "../schema/schema-json.ts";
import { isPrimitive, maxDecimalPrecision } from "../schema/type-names.ts";
import type { DeltaType, StructField } from "../schema/types.ts";

/** Whole-number types from the narrowest, with their decimal digits. */
const integers = ["byte", "short", "integer", "long"] as const;
const digits = { byte: 3, short: 5, integer: 10, long: 19 } as const;
type Integer = (typeof integers)[number];

/**
 * The narrowest type that holds every value of both types exactly, whatever the values are; undefined if there
 * is none.
 */
export function commonType(one: DeltaType, other: DeltaType): DeltaType | undefined {
  if (one === other || other === "void") return one;
  if (one === "void") return other;
  const number = commonNumber(one, other);
  if (number !== undefined || isPrimitive(one) || isPrimitive(other)) return number;
  if (one.type === "array" && other.type === "array") {
    const elementType = commonType(one.elementType, other.elementType);
    return elementType === undefined ? undefined : { type: "array", elementType, containsNull: true };
  }
  if (one.type === "map" && other.type === "map") {
    const keyType = commonType(one.keyType, other.keyType);
    const valueType = commonType(one.valueType, other.valueType);
    if (keyType === undefined || valueType === undefined) return undefined;
    return { type: "map", keyType, valueType, valueContainsNull: true };
  }
  if (one.type !== "struct" || other.type !== "struct") return undefined;
  const fields = commonFields(one.fields, other.fields);
  return fields === undefined ? undefined : { type: "struct", fields };
}

function commonFields(
  ones: readonly StructField[],
  others: readonly StructField[],
): StructField[] | undefined {
  const byName = new Map(others.map((field) => [foldName(field.name), field]));
  const fields: StructField[] = [];
  for (const field of ones) {
    const other = byName.get(foldName(field.name));
    byName.delete(foldName(field.name));
    const type = other === undefined ? field.type : commonType(field.type, other.type);
    if (type === undefined) return undefined;
    fields.push({ ...field, type });
  }
  return [...fields, ...byName.values()];
}

function commonNumber(one: DeltaType, other: DeltaType): DeltaType | undefined {
  if (isInteger(one) && isInteger(other))
    return integers[Math.max(integers.indexOf(one), integers.indexOf(other))];
  const [a, b] = [asDecimal(one), asDecimal(other)];
  if (a !== undefined && b !== undefined) {
    const scale = Math.max(a.scale, b.scale);
    const precision = scale + Math.max(a.precision - a.scale, b.precision - b.scale);
    return precision > maxDecimalPrecision ? undefined : { type: "decimal", precision, scale };
  }
  const [x, y] = [asFraction(one), asFraction(other)];
  if (x === undefined || y === undefined) return undefined;
  return x === "double" || y === "double" ? "double" : "float";
}

function isInteger(type: DeltaType): type is Integer {
  return isPrimitive(type) && integers.some((name) => name === type);
}

/** A type of decimal digits that holds a type's values. */
function asDecimal(type: DeltaType): { readonly precision: number; readonly scale: number } | undefined {
  if (isInteger(type)) return { precision: digits[type], scale: 0 };
  return !isPrimitive(type) && type.type === "decimal" ? type : undefined;
}

/** A binary fraction that holds a type's values: 24 bits are enough for a short, 53 for an integer. */
function asFraction(type: DeltaType): "float" | "double" | undefined {
  if (type === "float" || type === "double") return type;
  if (type === "byte" || type === "short") return "float";
  return type === "integer" ? "double" : undefined;
}
