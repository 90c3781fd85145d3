import type { Literal } from "../../protocol/predicate.ts";
import { formatTimestamp, parseDate, parseTimestamp } from "../../schema/calendar.ts";
import { isPrimitive } from "../../schema/type-names.ts";
import type { DecimalType, DeltaType } from "../../schema/types.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../util/json.ts";

/**
 * A constant of the engine's syntax tree: its type's name and its value as text, with the types it was cast
 * to.
 */
interface Constant {
  readonly type: string;
  readonly text: string;
  readonly castTo: string | undefined;
}

/**
 * The constant with which the engine would compare a column of `type`, or `undefined` if its casts could
 * change the result.
 *
 * @param node a constant, or a cast of one, of `json_serialize_sql`
 */
export function comparedLiteral(type: DeltaType, node: JsonObject): Literal | undefined {
  const constant = constantOf(node);
  if (constant === undefined) return undefined;
  if (!isPrimitive(type)) return type.type === "decimal" ? decimalLiteral(type, constant) : undefined;
  switch (type) {
    case "byte":
    case "short":
    case "integer":
    case "long":
      return wholeLiteral(type, constant);
    case "float":
    case "double":
      return floatLiteral(type, constant);
    case "string":
      return constant.type === "VARCHAR" && (constant.castTo === undefined || constant.castTo === "VARCHAR")
        ? { type, value: constant.text }
        : undefined;
    case "boolean":
      return booleanLiteral(constant);
    case "date":
      return dateLiteral(constant);
    case "timestamp":
    case "timestamp_ntz":
      return timestampLiteral(type, constant);
    default:
      return undefined;
  }
}

function constantOf(node: JsonObject): Constant | undefined {
  if (node["class"] === "CAST") {
    const inner = isJsonObject(node["child"]) ? constantOf(node["child"]) : undefined;
    const target = isJsonObject(node["cast_type"]) ? node["cast_type"]["id"] : undefined;
    return inner === undefined || inner.castTo !== undefined || typeof target !== "string"
      ? undefined
      : { ...inner, castTo: target };
  }
  const { value } = node;
  if (
    node["class"] !== "CONSTANT" ||
    !isJsonObject(value) ||
    value["is_null"] === true ||
    !isJsonObject(value["type"])
  )
    return undefined;
  const type = String(value["type"]["id"]);
  const text =
    type === "DECIMAL" ? decimalText(value["value"], value["type"]["type_info"]) : plainText(value["value"]);
  return text === undefined ? undefined : { type, text, castTo: undefined };
}

function plainText(value: JsonValue | undefined): string | undefined {
  return typeof value === "string" ||
    typeof value === "number" ||
    typeof value === "bigint" ||
    typeof value === "boolean"
    ? String(value)
    : undefined;
}

function decimalText(unscaled: JsonValue | undefined, info: JsonValue | undefined): string | undefined {
  const scale = isJsonObject(info) ? Number(info["scale"]) : Number.NaN;
  const text = plainText(unscaled);
  if (text === undefined || !/^-?\d+$/.test(text) || !Number.isInteger(scale)) return undefined;
  const value = BigInt(text);
  const digits = (value < 0n ? -value : value).toString().padStart(scale + 1, "0");
  const point = digits.length - scale;
  return `${value < 0n ? "-" : ""}${digits.slice(0, point)}${scale > 0 ? `.${digits.slice(point)}` : ""}`;
}

const wholeTypes: ReadonlySet<string> = new Set(["TINYINT", "SMALLINT", "INTEGER", "BIGINT"]);

/** Exact numbers compare exactly with whole-number columns, whatever common type the engine finds. */
function wholeLiteral(type: DeltaType, { type: own, text, castTo }: Constant): Literal | undefined {
  if (castTo !== undefined && !(wholeTypes.has(castTo) && wholeTypes.has(own))) return undefined;
  if (wholeTypes.has(own)) return { type: fits(type, text) ? type : "long", value: text };
  // With a longer fraction there is no common decimal type, and the engine would compare doubles.
  return own === "DECIMAL" && (text.split(".")[1] ?? "").length <= 19 ? exactDecimal(text) : undefined;
}

function fits(type: DeltaType, text: string): boolean {
  const bits: Readonly<Record<string, number>> = { byte: 8, short: 16, integer: 32, long: 64 };
  const width = isPrimitive(type) ? (bits[type] ?? 64) : 64;
  return BigInt.asIntN(width, BigInt(text)) === BigInt(text);
}

function exactDecimal(text: string): Literal {
  const [whole = "", fraction = ""] = text.replace("-", "").split(".");
  const precision = Math.min(38, Math.max(1, whole.length + fraction.length));
  return { type: { type: "decimal", precision, scale: fraction.length }, value: text };
}

/** Decimal arithmetic is exact as long as the common type has no more than 38 digits. */
function decimalLiteral(type: DecimalType, { type: own, text, castTo }: Constant): Literal | undefined {
  if (castTo !== undefined || !(own === "DECIMAL" || wholeTypes.has(own))) return undefined;
  const literal = exactDecimal(text);
  const other = literal.type;
  if (isPrimitive(other) || other.type !== "decimal") return undefined;
  // An integer is treated as a decimal of its type's widest value.
  const wholeDigits = own === "DECIMAL" ? other.precision - other.scale : 19;
  return Math.max(type.precision - type.scale, wholeDigits) + Math.max(type.scale, other.scale) <= 38
    ? literal
    : undefined;
}

/**
 * Only numbers that single precision can hold, so that it does not matter in which precision the engine
 * compares.
 */
function floatLiteral(type: "float" | "double", { type: own, text, castTo }: Constant): Literal | undefined {
  const numeric = own === "DECIMAL" || own === "DOUBLE" || wholeTypes.has(own);
  if (!numeric || (castTo !== undefined && castTo !== "DOUBLE" && castTo !== "FLOAT")) return undefined;
  const value = Number(text);
  const significant = text.replace(/[-.]|e.*$/gi, "").replace(/^0+/, "").length;
  if (!Number.isFinite(value) || significant > 15) return undefined;
  if (Math.fround(value) === value) return { type, value: String(value) };
  return type === "double" && castTo !== "FLOAT" ? { type, value: String(value) } : undefined;
}

function booleanLiteral({ type, text, castTo }: Constant): Literal | undefined {
  if (castTo !== undefined && castTo !== "BOOLEAN") return undefined;
  if (type !== "BOOLEAN" && !(type === "VARCHAR" && castTo === "BOOLEAN")) return undefined;
  if (text === "t" || text === "true") return { type: "boolean", value: true };
  return text === "f" || text === "false" ? { type: "boolean", value: false } : undefined;
}

function dateLiteral({ type, text, castTo }: Constant): Literal | undefined {
  if (type !== "VARCHAR" || (castTo !== undefined && castTo !== "DATE") || !/^\d{4}-\d{2}-\d{2}$/.test(text))
    return undefined;
  return parseDate(text) === undefined ? undefined : { type: "date", value: text };
}

const timestampText =
  /^(\d{4}-\d{2}-\d{2})(?:[ T](\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?))?(Z|[+-]\d{2}(?::\d{2})?)?$/;

/**
 * Sessions run in UTC, so text without a zone means the same for both types; with a zone, it is unambiguous
 * only for `timestamp`.
 */
function timestampLiteral(
  type: "timestamp" | "timestamp_ntz",
  { type: own, text, castTo }: Constant,
): Literal | undefined {
  const parts = timestampText.exec(text);
  if (own !== "VARCHAR" || parts === null) return undefined;
  const [, date = "", time, zone] = parts;
  if (castTo === "DATE" && (time !== undefined || zone !== undefined)) return undefined;
  const zoneTarget = castTo === "TIMESTAMP WITH TIME ZONE" || (castTo === undefined && type === "timestamp");
  if (zone !== undefined && !(zoneTarget && type === "timestamp")) return undefined;
  if (castTo !== undefined && !["DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"].includes(castTo))
    return undefined;
  const parsed = parseTimestamp(`${date} ${time ?? "00:00:00"}${zone ?? ""}`);
  return parsed === undefined ? undefined : { type, value: formatTimestamp(parsed.micros, " ") };
}
