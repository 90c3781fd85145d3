import { isEmptyObject, type ValueField, type ValueType } from "../../core/value-type.ts";
import { ExactNumber } from "../shared/exact-number.ts";
import { decimalDigits, decimalShape, doubleOfText } from "../shared/number-text.ts";
import { fieldOf, hasFields, isNumberArray, isPlainObject } from "../shared/value-shapes.ts";

/** Two values of one column that no type holds without loss. */
export class TypeConflict extends Error {
  readonly left: ValueType;
  readonly right: ValueType;

  constructor(left: ValueType, right: ValueType) {
    super("no common type");
    this.left = left;
    this.right = right;
  }
}

/** Levels of arrays and objects: the engine's parser takes no more than some hundred of a type. */
const deepest = 100;

const int64: ValueType = { kind: "integer", bits: 64 };

/**
 * The type of one value: integers are BIGINT, other numbers DOUBLE, numbers that neither holds DECIMAL, a `Date`
 * TIMESTAMPTZ; undefined for what has none (functions, symbols, numbers of more than 38 digits, more than
 * 100 levels of arrays and objects).
 */
export function inferType(value: unknown, depth = 0): ValueType | undefined {
  if (value === null || value === undefined) return { kind: "null" };
  switch (typeof value) {
    case "boolean":
      return { kind: "boolean" };
    case "number":
      return Number.isSafeInteger(value) ? int64 : { kind: "double" };
    case "bigint":
      return BigInt.asIntN(64, value) === value ? int64 : inferNumber(new ExactNumber(String(value)));
    case "string":
      return { kind: "text" };
    case "object":
      return depth < deepest ? inferObject(value, depth + 1) : undefined;
    default:
      return undefined;
  }
}

/**
 * The narrowest type that holds values of both; for numbers the kind that may, as only the values tell whether it
 * does. @throws {@link TypeConflict}
 */
export function mergeTypes(left: ValueType, right: ValueType): ValueType {
  if (left === right || right.kind === "null") return left;
  if (left.kind === "null") return right;
  if (left.kind === "struct" && right.kind === "struct")
    return { kind: "struct", fields: mergeFields(left.fields, right.fields) };
  if (left.kind === "list" && right.kind === "list")
    return { kind: "list", element: mergeTypes(left.element, right.element) };
  if (left.kind === "map" && right.kind === "map") {
    return { kind: "map", key: mergeTypes(left.key, right.key), value: mergeTypes(left.value, right.value) };
  }
  if (isEmptyObject(left) && right.kind === "map") return right;
  if (isEmptyObject(right) && left.kind === "map") return left;
  if (left.kind === "decimal" && right.kind === "decimal") return left.scale < right.scale ? right : left;
  const [ofLeft, ofRight] = [numberKinds.indexOf(left.kind), numberKinds.indexOf(right.kind)];
  if (ofLeft >= 0 && ofRight >= 0) return ofLeft < ofRight ? right : left;
  if (left.kind === right.kind) return left;
  throw new TypeConflict(left, right);
}

/**
 * As {@link inferType}, of a value whose type is known but for some parts, which `shape` has as `null`: the type
 * with these as the value has them.
 */
export function inferWithin(shape: ValueType, value: unknown): ValueType | undefined {
  if (shape.kind === "null") return inferType(value);
  if (shape.kind !== "struct" || !isPlainObject(value)) return shape;
  const fields = shape.fields.map(({ name, type }) => ({
    name,
    type: inferWithin(type, fieldOf(value, name)),
  }));
  return fields.every(isTyped) ? { kind: "struct", fields } : undefined;
}

/** Kinds of numbers, each before those that it widens to. */
const numberKinds: readonly ValueType["kind"][] = ["integer", "double", "decimal"];

function inferObject(value: object, depth: number): ValueType | undefined {
  if (value instanceof Date) return { kind: "timestamp", zoned: true };
  if (value instanceof Uint8Array || value instanceof ArrayBuffer) return { kind: "binary" };
  if (value instanceof ExactNumber) return inferNumber(value);
  if (value instanceof Map) return inferMap(value, depth);
  if (Array.isArray(value) || isNumberArray(value)) {
    const element = inferAll(Array.from(value), depth);
    return element === undefined ? undefined : { kind: "list", element };
  }
  if (!isPlainObject(value) || !hasFields(value)) return undefined;
  const fields = Object.entries(value).map(([name, item]) => ({ name, type: inferType(item, depth) }));
  return fields.every(isTyped) ? { kind: "struct", fields } : undefined;
}

/** The type of a number: a double if that holds a fraction, else a decimal; undefined for too many digits. */
function inferNumber({ text }: ExactNumber): ValueType | undefined {
  if (!/^-?\d+$/.test(text) && doubleOfText(text) !== undefined) return { kind: "double" };
  const shape = decimalShape(text);
  return shape !== undefined && shape.whole + shape.scale <= decimalDigits
    ? { kind: "decimal", width: decimalDigits, scale: shape.scale }
    : undefined;
}

function inferMap(value: ReadonlyMap<unknown, unknown>, depth: number): ValueType | undefined {
  const key = inferAll([...value.keys()], depth);
  const item = inferAll([...value.values()], depth);
  return key === undefined || item === undefined ? undefined : { kind: "map", key, value: item };
}

function inferAll(values: readonly unknown[], depth: number): ValueType | undefined {
  let merged: ValueType = { kind: "null" };
  for (const value of values) {
    const type = inferType(value, depth);
    if (type === undefined) return undefined;
    merged = mergeTypes(merged, type);
  }
  return merged;
}

function mergeFields(left: readonly ValueField[], right: readonly ValueField[]): ValueField[] {
  const merged = new Map(left.map((field) => [field.name, field.type]));
  for (const { name, type } of right) {
    const known = merged.get(name);
    merged.set(name, known === undefined ? type : mergeTypes(known, type));
  }
  return [...merged].map(([name, type]) => ({ name, type }));
}

function isTyped(field: {
  readonly name: string;
  readonly type: ValueType | undefined;
}): field is ValueField {
  return field.type !== undefined;
}
