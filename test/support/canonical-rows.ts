import type { DeltaType, StructType } from "../../src/schema/types.ts";
import { type JsonObject, type JsonValue, stringifyJson } from "../../src/util/json.ts";

/**
 * Rows in the lossless JSON encoding as texts that are equal exactly when the rows are: numbers by value in their type's precision, maps
 * as sets of pairs, struct fields by name. Sorted, so that two lists of them compare as multisets.
 */
export function canonicalRows(rows: Iterable<JsonObject>, schema: StructType): string[] {
  return [...rows].map((row) => stringifyJson(canonicalValue(row, schema))).sort();
}

function canonicalValue(value: JsonValue | undefined, type: DeltaType): JsonValue {
  if (value === null || value === undefined) return null;
  if (typeof type === "string") return canonicalPrimitive(value, type);
  switch (type.type) {
    case "decimal":
      return value;
    case "array":
      return items(value).map((item) => canonicalValue(item, type.elementType));
    case "map":
      return items(value)
        .map((pair) => {
          const [key = null, item = null] = items(pair);
          return stringifyJson([canonicalValue(key, type.keyType), canonicalValue(item, type.valueType)]);
        })
        .sort();
    case "struct": {
      const object = members(value);
      const known = new Set(type.fields.map((field) => field.name));
      const extra = Object.keys(object).filter((name) => !known.has(name));
      if (extra.length > 0) throw new TypeError(`row has fields that the schema lacks: ${extra.join(", ")}`);
      return type.fields.map((field) => [field.name, canonicalValue(object[field.name], field.type)]);
    }
  }
}

function canonicalPrimitive(value: JsonValue, type: string): JsonValue {
  if (type === "float") return typeof value === "string" ? value : String(Math.fround(Number(value)));
  if (type === "double") return typeof value === "string" ? value : String(Number(value));
  if (type === "variant") return canonicalVariant(value);
  return typeof value === "bigint" ? String(value) : typeof value === "number" ? String(BigInt(value)) : value;
}

function canonicalVariant(value: JsonValue): JsonValue {
  if (typeof value === "number" || typeof value === "bigint") return Number(value);
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(canonicalVariant);
  return Object.entries(value)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([key, item]) => [key, canonicalVariant(item)]);
}

function items(value: JsonValue): readonly JsonValue[] {
  if (!Array.isArray(value)) throw new TypeError(`an array was expected, not ${stringifyJson(value)}`);
  return value;
}

function members(value: JsonValue): JsonObject {
  if (value === null || typeof value !== "object" || Array.isArray(value))
    throw new TypeError(`an object was expected, not ${stringifyJson(value)}`);
  return value as JsonObject;
}
