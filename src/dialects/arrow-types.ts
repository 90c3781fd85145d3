import type { DataType, Field, Schema } from "apache-arrow";
import { VarveError } from "../errors.ts";
import { checkNames } from "../schema/schema-json.ts";
import { pathText } from "../schema/type-names.ts";
import type { DeltaType, StructField, StructType } from "../schema/types.ts";

/**
 * Arrow's type ids, from its format's Schema.fbs; read from the instance so that describing a schema does not
 * load the Arrow library.
 */
const ids = {
  dictionary: -1,
  null: 1,
  int: 2,
  float: 3,
  binary: 4,
  utf8: 5,
  bool: 6,
  decimal: 7,
  date: 8,
  timestamp: 10,
  list: 12,
  struct: 13,
  fixedSizeBinary: 15,
  fixedSizeList: 16,
  map: 17,
  largeBinary: 19,
  largeUtf8: 20,
} as const;

/**
 * The Delta schema of Arrow data: unsigned integers take the next wider type, timestamps with a zone become
 * `timestamp`, without one `timestamp_ntz`; dictionaries are their values.
 *
 * @throws `SCHEMA_INVALID` naming the column for types that Delta does not have, such as time, duration and
 * union
 */
export function schemaOfArrow(schema: Schema): StructType {
  const fields = schema.fields.map((field) => fieldOfArrow(field, []));
  checkNames(fields);
  return { type: "struct", fields };
}

function fieldOfArrow(field: Field, path: readonly string[]): StructField {
  return {
    name: field.name,
    type: typeOfArrow(field.type, [...path, field.name]),
    nullable: field.nullable,
    metadata: {},
  };
}

/** Parameters that Arrow's classes of the ids above have. */
interface ArrowParameters {
  readonly dictionary: DataType;
  readonly bitWidth: number;
  readonly isSigned: boolean;
  readonly precision: number;
  readonly scale: number;
  readonly timezone?: string | null | undefined;
}

function typeOfArrow(type: DataType, path: readonly string[]): DeltaType {
  const parameters = type as DataType & ArrowParameters;
  switch (Number(type.typeId)) {
    case ids.dictionary:
      return typeOfArrow(parameters.dictionary, path);
    case ids.null:
      return "void";
    case ids.int:
      return integerType(parameters.bitWidth, parameters.isSigned);
    case ids.float:
      return parameters.precision === 2 ? "double" : "float";
    case ids.binary:
    case ids.fixedSizeBinary:
    case ids.largeBinary:
      return "binary";
    case ids.utf8:
    case ids.largeUtf8:
      return "string";
    case ids.bool:
      return "boolean";
    case ids.decimal:
      return decimalType(parameters.precision, parameters.scale, path);
    case ids.date:
      return "date";
    case ids.timestamp:
      return parameters.timezone ? "timestamp" : "timestamp_ntz";
    case ids.list:
    case ids.fixedSizeList:
      return arrayType(type, path);
    case ids.struct:
      return structType(type.children, path);
    case ids.map:
      return mapType(type, path);
    default:
      throw unsupported(type, path);
  }
}

function integerType(bits: number, signed: boolean): DeltaType {
  if (bits === 8) return signed ? "byte" : "short";
  if (bits === 16) return signed ? "short" : "integer";
  if (bits === 32) return signed ? "integer" : "long";
  return signed ? "long" : { type: "decimal", precision: 20, scale: 0 };
}

function decimalType(precision: number, scale: number, path: readonly string[]): DeltaType {
  if (precision > 38 || scale < 0 || scale > precision) {
    throw new VarveError(
      "SCHEMA_INVALID",
      `Column ${pathText(path)} is a decimal(${precision},${scale}), but Delta's decimals have at most 38 digits. Cast it to a smaller one, or to text.`,
      {
        column: [...path],
        precision,
        scale,
      },
    );
  }
  return { type: "decimal", precision, scale };
}

function arrayType(type: DataType, path: readonly string[]): DeltaType {
  const [element] = childrenOf(type);
  if (element === undefined) throw unsupported(type, path);
  return {
    type: "array",
    elementType: typeOfArrow(element.type, [...path, "element"]),
    containsNull: element.nullable,
  };
}

function structType(children: readonly Field[], path: readonly string[]): StructType {
  const fields = children.map((child) => fieldOfArrow(child, path));
  checkNames(fields, path);
  return { type: "struct", fields };
}

function mapType(type: DataType, path: readonly string[]): DeltaType {
  const [entries] = childrenOf(type);
  const [key, value] = entries === undefined ? [] : childrenOf(entries.type);
  if (key === undefined || value === undefined) throw unsupported(type, path);
  return {
    type: "map",
    keyType: typeOfArrow(key.type, [...path, "key"]),
    valueType: typeOfArrow(value.type, [...path, "value"]),
    valueContainsNull: value.nullable,
  };
}

function childrenOf(type: DataType): readonly Field[] {
  return type.children ?? [];
}

function unsupported(type: DataType, path: readonly string[]): VarveError {
  return new VarveError(
    "SCHEMA_INVALID",
    `Column ${pathText(path)} has the Arrow type ${String(type)}, which Delta does not support. Convert it to a supported type.`,
    { column: [...path], found: String(type) },
  );
}
