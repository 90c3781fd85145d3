import { DataType, DateUnit, Precision, TimeUnit } from "apache-arrow";
import { VarveError } from "../../../errors.ts";
import { pathText } from "../../../schema/type-names.ts";
import type { ValueField, ValueType } from "../../core/value-type.ts";
import { assertNames } from "../shared/column-names.ts";

/**
 * The engine's type for an Arrow type; unsigned integers become the next larger signed ones. @throws
 * `SCHEMA_MISMATCH` for those Delta lacks.
 */
export function valueTypeOfArrow(path: readonly string[], type: DataType): ValueType {
  const within = (name: string, inner: DataType) => valueTypeOfArrow([...path, name], inner);
  if (DataType.isNull(type)) return { kind: "null" };
  if (DataType.isBool(type)) return { kind: "boolean" };
  if (DataType.isInt(type)) return integerType(type.bitWidth, type.isSigned);
  if (DataType.isFloat(type)) return { kind: type.precision === Precision.DOUBLE ? "double" : "float" };
  if (DataType.isUtf8(type) || DataType.isLargeUtf8(type) || DataType.isUtf8View(type))
    return { kind: "text" };
  if (
    DataType.isBinary(type) ||
    DataType.isLargeBinary(type) ||
    DataType.isBinaryView(type) ||
    DataType.isFixedSizeBinary(type)
  ) {
    return { kind: "binary" };
  }
  if (DataType.isDate(type)) return { kind: "date" };
  if (DataType.isTimestamp(type))
    return {
      kind: "timestamp",
      zoned: type.timezone !== null && type.timezone !== undefined && type.timezone !== "",
    };
  const decimal = DataType.isDecimal(type) ? decimalType(type.precision, type.scale) : undefined;
  if (decimal !== undefined) return decimal;
  if (DataType.isDictionary(type)) return valueTypeOfArrow(path, type.dictionary);
  if (DataType.isList(type) || DataType.isLargeList(type) || DataType.isFixedSizeList(type)) {
    return { kind: "list", element: within("element", type.valueType) };
  }
  if (DataType.isStruct(type) && type.children.length > 0)
    return { kind: "struct", fields: valueFieldsOfArrow(type.children, path) };
  if (DataType.isMap(type))
    return { kind: "map", key: within("key", type.keyType), value: within("value", type.valueType) };
  throw new VarveError(
    "SCHEMA_MISMATCH",
    `Column ${pathText(path)} has the Arrow type ${type}, which Delta does not support. Convert it first.`,
    {
      column: [...path],
      found: String(type),
    },
  );
}

/**
 * The engine's types of columns, or of the fields of a struct. @throws `SCHEMA_MISMATCH` as
 * {@link valueTypeOfArrow}, and for names that a table of Delta cannot have
 */
export function valueFieldsOfArrow(
  fields: readonly { readonly name: string; readonly type: DataType }[],
  parent: readonly string[] = [],
): ValueField[] {
  assertNames(
    fields.map(({ name }) => name),
    { source: "the Arrow source", parent: parent.length === 0 ? undefined : parent },
  );
  return fields.map(({ name, type }) => ({
    name,
    type: valueTypeOfArrow([...parent, name], type),
  }));
}

/** Most digits of a decimal, of Delta's as of the engine's. */
const mostDigits = 38;

/**
 * Types of more digits than Delta has, and of a negative scale, are those that hold most of their values; each
 * value is then held against the type.
 */
function decimalType(precision: number, scale: number): ValueType | undefined {
  if (precision < 1 || scale > mostDigits) return undefined;
  const width = scale < 0 ? precision - scale : Math.max(precision, scale);
  return { kind: "decimal", width: Math.min(width, mostDigits), scale: Math.max(scale, 0) };
}

/**
 * How many of the type's units are a microsecond (`divide`) or how many microseconds a unit is (`multiply`).
 */
export function microsecondsOf(type: DataType): { readonly multiply: bigint } | { readonly divide: bigint } {
  const unit = DataType.isTimestamp(type) ? type.unit : TimeUnit.MICROSECOND;
  if (unit === TimeUnit.NANOSECOND) return { divide: 1000n };
  return {
    multiply: { [TimeUnit.SECOND]: 1_000_000n, [TimeUnit.MILLISECOND]: 1000n, [TimeUnit.MICROSECOND]: 1n }[
      unit
    ],
  };
}

/** Whether a date type counts milliseconds instead of days. */
export function countsMilliseconds(type: DataType): boolean {
  return DataType.isDate(type) && type.unit === DateUnit.MILLISECOND;
}

function integerType(bits: number, signed: boolean): ValueType {
  if (signed) return { kind: "integer", bits: bits === 8 || bits === 16 || bits === 32 ? bits : 64 };
  if (bits === 64) return { kind: "decimal", width: 20, scale: 0 };
  return { kind: "integer", bits: bits === 8 ? 16 : bits === 16 ? 32 : 64 };
}
