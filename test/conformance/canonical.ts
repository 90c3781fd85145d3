import type { EngineValue } from "../../src/engine/core/contract.ts";
import { isPrimitive } from "../../src/schema/type-names.ts";
import type { DeltaType, StructField, StructType } from "../../src/schema/types.ts";
import { isJsonObject, type JsonValue, parseJson } from "../../src/util/json.ts";

type Value = EngineValue | JsonValue | undefined;

/**
 * One text for every way to write the same row, in the collection's encoding or as the engine hands rows out.
 */
export function canonicalRow(schema: StructType, row: Value): string {
  return JSON.stringify(canonical(schema, row));
}

function canonical(type: DeltaType, value: Value): unknown {
  if (value === null || value === undefined) return null;
  if (isPrimitive(type)) return scalar(type, value);
  switch (type.type) {
    case "decimal":
      return plainDecimal(String(value), type.scale);
    case "array":
      return items(value).map((item) => canonical(type.elementType, item));
    case "map":
      // Pairs are a set.
      return items(value)
        .map((pair) =>
          JSON.stringify([
            canonical(type.keyType, items(pair)[0]),
            canonical(type.valueType, items(pair)[1]),
          ]),
        )
        .sort();
    case "struct":
      return Object.fromEntries(
        type.fields.map((field) => [field.name, ofField(field, property(value, field.name))]),
      );
  }
}

/** Spark fills its CHAR columns up with spaces as it reads, which the protocol knows nothing of. */
function ofField(field: StructField, value: Value): unknown {
  const found = canonical(field.type, value);
  const isChar = String(field.metadata["__CHAR_VARCHAR_TYPE_STRING"]).startsWith("char(");
  return isChar && typeof found === "string" ? found.trimEnd() : found;
}

function scalar(type: string, value: Value): unknown {
  switch (type) {
    case "float":
      return number(Math.fround(Number(value)));
    case "double":
      return number(Number(value));
    case "byte":
    case "short":
    case "integer":
    case "long":
      return BigInt(String(value)).toString();
    case "binary":
      return value instanceof Uint8Array ? Buffer.from(value).toString("base64") : value;
    case "variant":
      return sorted(typeof value === "string" ? parseVariant(value) : value);
    default:
      return value;
  }
}

/** The engine gives JSON text, the collection the value itself, where a text may also be the value. */
function parseVariant(text: string): Value {
  try {
    return parseJson(text);
  } catch (error) {
    if (error instanceof SyntaxError) return text;
    throw error;
  }
}

function number(value: number): string {
  return Object.is(value, -0) ? "-0" : String(value);
}

/** Decimal text with exactly the scale's digits, read from plain or scientific notation. */
function plainDecimal(text: string, scale: number): string {
  const parts = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text);
  if (parts === null) return text;
  const [, sign = "", whole = "", fraction = "", exponent = "0"] = parts;
  const digits = `${whole}${fraction}`;
  const shift = Number(exponent) - fraction.length + scale;
  const unscaled =
    shift >= 0 ? BigInt(digits) * 10n ** BigInt(shift) : BigInt(digits) / 10n ** BigInt(-shift);
  if (shift < 0 && unscaled * 10n ** BigInt(-shift) !== BigInt(digits)) return text;
  return `${unscaled === 0n ? "" : sign}${unscaled}e-${scale}`;
}

function items(value: Value): readonly Value[] {
  return Array.isArray(value) ? (value as readonly Value[]) : [];
}

function property(value: Value, name: string): Value {
  if (typeof value !== "object" || value === null) return undefined;
  return new Map<string, Value>(Object.entries(value)).get(name);
}

function sorted(value: Value): unknown {
  if (typeof value === "number" || typeof value === "bigint") return number(Number(value));
  if (Array.isArray(value)) return (value as readonly Value[]).map(sorted);
  if (!isJsonObject(value as JsonValue)) return value;
  const entries = Object.entries(value as { readonly [key: string]: JsonValue }).sort(([a], [b]) =>
    a < b ? -1 : 1,
  );
  return entries.map(([key, inner]) => [key, sorted(inner)]);
}
