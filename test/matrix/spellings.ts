import { engineTypeText } from "../../src/dialects/engine-types.ts";
import type { DeltaType } from "../../src/schema/types.ts";
import { quoteText } from "../../src/sql/sql-text.ts";
import type { CarrierType, StructValue, Value } from "./values.ts";

/** Values of one column, in the type in which the source brings them. */
export interface Column {
  readonly name: string;
  readonly type: CarrierType;
  readonly values: readonly Value[];
}

/** A value that a source has no spelling for. */
export class Unspelled extends Error {}

const isNumber = (type: CarrierType) =>
  ["byte", "short", "integer", "long", "float", "double"].includes(type as string) ||
  (typeof type === "object" && type.type === "decimal");

/** The value as a member of a row object; text of digits where a number would be rounded. */
export function rowValue(type: CarrierType, value: Value): unknown {
  if (value === null || typeof value === "boolean" || value instanceof Uint8Array) return value;
  if (typeof type === "object" && type.type !== "decimal") {
    return nested(type, value, rowValue, (entries) => new Map(entries));
  }
  const text = value as string;
  if (!isNumber(type)) return text;
  if (typeof type === "object" || type === "long") {
    return /^-?\d+$/.test(text) ? BigInt(text) : type === "long" ? floating(text) : decimalOf(text);
  }
  if (/^-?\d+$/.test(text) && !Number.isSafeInteger(Number(text))) return BigInt(text);
  return floating(text);
}

/** A decimal's digits are text in rows; what is no decimal comes as a number. */
const decimalOf = (text: string): unknown => (/^-?\d+\.\d+$/.test(text) ? text : floating(text));

function floating(text: string): number {
  const value = Number(text);
  const isSame = Number.isFinite(value) ? text.includes("e-400") === false || value !== 0 : /[NI]/.test(text);
  if (!isSame || text.replace(/^-?0\./, "").length > 25)
    throw new Unspelled(`JavaScript has no number ${text}`);
  return value;
}

type Entry = readonly [unknown, unknown];

function nested(
  type: Exclude<CarrierType, string>,
  value: Value,
  spell: (type: CarrierType, value: Value) => unknown,
  ofMap: (entries: readonly Entry[]) => unknown,
): unknown {
  switch (type.type) {
    case "struct":
      return Object.fromEntries(
        type.fields.map((field) => [
          field.name,
          spell(field.type, (value as StructValue)[field.name] ?? null),
        ]),
      );
    case "array":
      return (value as readonly Value[]).map((item) => spell(type.elementType, item));
    case "map":
      return ofMap(
        [...(value as ReadonlyMap<Value, Value>)].map(([key, item]) => [
          spell(type.keyType, key),
          spell(type.valueType, item),
        ]),
      );
    default:
      throw new Error("a decimal has no members");
  }
}

/** The value as JSON with all digits, as lossless JSON lines are written. */
export function jsonText(type: CarrierType, value: Value): string {
  if (value === null) return "null";
  if (value instanceof Uint8Array) return JSON.stringify(Buffer.from(value).toString("base64"));
  if (typeof value === "boolean") return String(value);
  if (typeof type === "object" && type.type !== "decimal") {
    if (type.type === "array")
      return `[${(value as readonly Value[]).map((item) => jsonText(type.elementType, item)).join(",")}]`;
    if (type.type === "map") {
      const entries = [...(value as ReadonlyMap<Value, Value>)];
      return `[${entries.map(([key, item]) => `[${jsonText(type.keyType, key)},${jsonText(type.valueType, item)}]`).join(",")}]`;
    }
    return `{${type.fields
      .map(
        (field) =>
          `${JSON.stringify(field.name)}:${jsonText(field.type, (value as StructValue)[field.name] ?? null)}`,
      )
      .join(",")}}`;
  }
  return isNumber(type) && /^[-\d]/.test(value as string) && /\d/.test(value as string)
    ? (value as string)
    : JSON.stringify(value);
}

/** The cell as varve writes it: null is empty, an empty text is quoted, nested values are JSON. */
export function csvCell(type: CarrierType, value: Value): string {
  if (value === null) return "";
  if (value instanceof Uint8Array) return quoted(Buffer.from(value).toString("base64"));
  if (typeof value === "boolean") return String(value);
  if (typeof value !== "string") return quoted(jsonText(type, value));
  if (/[\ud800-\udfff]/u.test(value)) throw new Unspelled("UTF-8 has no unpaired surrogates");
  return quoted(value);
}

const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;

/** SQL for the value in the engine's counterpart of the type. */
export function sqlValue(type: CarrierType, value: Value): string {
  if (type === "void") return "NULL";
  return `CAST(${bareSql(type, value)} AS ${engineType(type)})`;
}

function engineType(type: CarrierType): string {
  if (type === "nanoseconds") return "TIMESTAMP_NS";
  if (type === "zoned nanoseconds") throw new Unspelled("the engine has no zoned nanoseconds");
  const text = JSON.stringify(type);
  if (text.includes("zoned nanoseconds")) throw new Unspelled("the engine has no zoned nanoseconds");
  if (!text.includes('"nanoseconds"')) return engineTypeText(type);
  const micros = JSON.parse(text.replaceAll('"nanoseconds"', '"timestamp_ntz"')) as DeltaType;
  return engineTypeText(micros).replaceAll("TIMESTAMP", "TIMESTAMP_NS");
}

function bareSql(type: CarrierType, value: Value): string {
  if (value === null) return "NULL";
  if (typeof value === "boolean") return String(value);
  if (value instanceof Uint8Array) return `unhex('${Buffer.from(value).toString("hex")}')`;
  if (typeof value === "string") {
    if (/[\ud800-\udfff]/u.test(value)) throw new Unspelled("UTF-8 has no unpaired surrogates");
    return value.split("\0").map(quoteText).join(" || chr(0) || ");
  }
  if (typeof type === "string" || type.type === "decimal") throw new Error(`no value of ${String(type)}`);
  if (type.type === "array")
    return `[${(value as readonly Value[]).map((item) => sqlValue(type.elementType, item)).join(", ")}]`;
  if (type.type === "map") {
    const entries = [...(value as ReadonlyMap<Value, Value>)];
    return `MAP {${entries.map(([key, item]) => `${sqlValue(type.keyType, key)}: ${sqlValue(type.valueType, item)}`).join(", ")}}`;
  }
  return `struct_pack(${type.fields
    .map((field) => `"${field.name}" := ${sqlValue(field.type, (value as StructValue)[field.name] ?? null)}`)
    .join(", ")})`;
}
