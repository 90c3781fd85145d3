import type { JsonValue } from "../util/json.ts";

/**
 * Names of Delta's types that have no parameters, as PROTOCOL.md "Primitive Types" spells them (`void` is
 * Spark's NullType).
 */
export type PrimitiveName =
  | "string"
  | "long"
  | "integer"
  | "short"
  | "byte"
  | "float"
  | "double"
  | "boolean"
  | "binary"
  | "date"
  | "timestamp"
  | "timestamp_ntz"
  | "variant"
  | "void";

/**
 * A Delta type; the shape mirrors PROTOCOL.md "Schema Serialization Format", with decimals split into
 * precision and scale.
 */
export type DeltaType = PrimitiveName | DecimalType | StructType | ArrayType | MapType;

/** `decimal(precision,scale)`; 1 ≤ precision ≤ 38, 0 ≤ scale ≤ precision. */
export interface DecimalType {
  readonly type: "decimal";
  readonly precision: number;
  readonly scale: number;
}

/** Ordered fields; names are unique, ignoring case. PROTOCOL.md "Struct Type". */
export interface StructType {
  readonly type: "struct";
  readonly fields: readonly StructField[];
}

/**
 * One column or nested field; `metadata` keeps all keys, including unknown ones. PROTOCOL.md "Struct Field".
 */
export interface StructField {
  readonly name: string;
  readonly type: DeltaType;
  readonly nullable: boolean;
  readonly metadata: FieldMetadata;
}

/** Field metadata such as `delta.columnMapping.id`, `delta.invariants`, `CURRENT_DEFAULT`, `comment`. */
export type FieldMetadata = Readonly<Record<string, JsonValue>>;

/** A list of elements of one type. PROTOCOL.md "Array Type". */
export interface ArrayType {
  readonly type: "array";
  readonly elementType: DeltaType;
  readonly containsNull: boolean;
}

/** A map from keys to values. PROTOCOL.md "Map Type". */
export interface MapType {
  readonly type: "map";
  readonly keyType: DeltaType;
  readonly valueType: DeltaType;
  readonly valueContainsNull: boolean;
}
