import {
  Binary,
  Bool,
  type DataType,
  DateDay,
  Decimal,
  Field,
  Float32,
  Float64,
  Int8,
  Int16,
  Int32,
  Int64,
  List,
  Map_,
  Null,
  Struct,
  TimestampMicrosecond,
  Utf8,
} from "apache-arrow";
import { type ValueType, variantParts } from "../core/value-type.ts";

/** The Arrow type that a type of the engine leaves as. */
export function arrowType(type: ValueType): DataType {
  switch (type.kind) {
    case "null":
      return new Null();
    case "boolean":
      return new Bool();
    case "integer":
      return { 8: new Int8(), 16: new Int16(), 32: new Int32(), 64: new Int64() }[type.bits];
    case "float":
      return new Float32();
    case "double":
      return new Float64();
    case "decimal":
      return new Decimal(type.scale, type.width, 128);
    case "text":
      return new Utf8();
    case "binary":
      return new Binary();
    case "variant":
      return arrowType(variantParts);
    case "date":
      return new DateDay();
    case "timestamp":
      return new TimestampMicrosecond(type.zoned ? "UTC" : null);
    case "list":
      return new List(new Field("element", arrowType(type.element), true));
    case "struct":
      return new Struct(type.fields.map((field) => new Field(field.name, arrowType(field.type), true)));
    case "map":
      return new Map_(mapEntries(type));
  }
}

function mapEntries(
  type: Extract<ValueType, { kind: "map" }>,
): Field<Struct<{ key: DataType; value: DataType }>> {
  const fields = [
    new Field("key", arrowType(type.key), false),
    new Field("value", arrowType(type.value), true),
  ];
  return new Field("entries", new Struct<{ key: DataType; value: DataType }>(fields), false);
}
