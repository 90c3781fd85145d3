import { VarveError } from "../errors.ts";
import { type SqlExpression, sql } from "../sql/sql.ts";
import { quoteText } from "../sql/sql-text.ts";
import { withArticle } from "../util/counted.ts";
import { formatDate, formatTimestamp, parseDate, parseTimestamp } from "./calendar.ts";
import { foldName } from "./schema-json.ts";
import { isPrimitive, pathText, typeText } from "./type-names.ts";
import type { DecimalType, DeltaType } from "./types.ts";

/**
 * A partition value in canonical spelling: numbers, decimals (with all digits of the scale), dates and
 * timestamps (`yyyy-mm-dd hh:mm:ss.ffffff`, UTC for `timestamp`) as text; floats may also be `NaN`,
 * `Infinity` or `-Infinity`.
 */
export type PartitionValue = null | boolean | string | Uint8Array;

/** Ranges of the whole-number types. */
export const integerRange: Readonly<
  Record<"byte" | "short" | "integer" | "long", readonly [bigint, bigint]>
> = {
  byte: [-(2n ** 7n), 2n ** 7n - 1n],
  short: [-(2n ** 15n), 2n ** 15n - 1n],
  integer: [-(2n ** 31n), 2n ** 31n - 1n],
  long: [-(2n ** 63n), 2n ** 63n - 1n],
};

/** Whether a table can be partitioned by a column of this type: all except variant and nested types. */
export function isPartitionable(type: DeltaType): boolean {
  return isPrimitive(type) ? type !== "variant" && type !== "void" : type.type === "decimal";
}

/**
 * Reads a partition value of the log, PROTOCOL.md "Partition Value Serialization"; empty text is null for
 * every type.
 *
 * Timestamps without a zone are read as UTC. Binary is the text's UTF-8 bytes or, if the whole text consists
 * of escapes such as `\u00FF`, those bytes.
 *
 * @throws `LOG_CORRUPT` for text that is not a value of the type
 */
export function decodePartitionValue(
  type: DeltaType,
  text: string | null,
  column: readonly string[] = [],
): PartitionValue {
  if (text === null || text === "") return null;
  const value = readValue(type, text);
  if (value !== undefined) return value;
  const location = column.length === 0 ? "a partition column" : `partition column ${pathText(column)}`;
  throw new VarveError(
    "LOG_CORRUPT",
    `Invalid partition value ${JSON.stringify(text)} in the log: ${location} must be ${withArticle(typeText(type))}.`,
    {
      column: [...column],
      expected: typeText(type),
      found: text,
    },
  );
}

/**
 * The text of a partition column in the log, by its physical name, which some writers spell in another case
 * than the schema; null if there is none.
 */
export function partitionText(values: Readonly<Record<string, string | null>>, name: string): string | null {
  if (Object.hasOwn(values, name)) return values[name] ?? null;
  const folded = Object.keys(values).find((key) => foldName(key) === foldName(name));
  return folded === undefined ? null : (values[folded] ?? null);
}

/**
 * Writes a partition value for the log: timestamps in ISO 8601 with `Z`, bytes that are not UTF-8 as `\u00FF`
 * escapes. Empty text becomes null, as Delta reads it. The counterpart of {@link decodePartitionValue}.
 *
 * @throws `SCHEMA_MISMATCH` for a value that is not of the type
 */
export function encodePartitionValue(type: DeltaType, value: PartitionValue): string | null {
  if (value === null || value === "") return null;
  if (value instanceof Uint8Array) {
    if (type === "binary") return value.length === 0 ? null : encodeBytes(value);
    throw notOfType(type, "bytes");
  }
  const text = String(value);
  const canonical = type === "binary" ? text : readValue(type, text);
  if (canonical === undefined || canonical instanceof Uint8Array) throw notOfType(type, JSON.stringify(text));
  if (type !== "timestamp")
    return typeof canonical === "string" ? shortTime(type, canonical) : String(canonical);
  return `${String(canonical).replace(" ", "T")}Z`;
}

/**
 * A partition value of the log as a typed SQL constant of the engine. @throws `LOG_CORRUPT` as
 * {@link decodePartitionValue}
 */
export function partitionValueSql(
  type: DeltaType,
  text: string | null,
  engineType: SqlExpression,
  column: readonly string[] = [],
): SqlExpression {
  const value = decodePartitionValue(type, text, column);
  if (value === null) return sql`CAST(NULL AS ${engineType})`;
  if (value instanceof Uint8Array) return sql`from_hex(${quoteText(Buffer.from(value).toString("hex"))})`;
  if (typeof value === "boolean") return value ? sql`true` : sql`false`;
  return sql`CAST(${quoteText(engineText(type, value))} AS ${engineType})`;
}

/**
 * A decoded partition value as text that the engine casts to the type: with a zone if it has one, and years
 * after 9999 without a sign.
 */
export function engineText(type: DeltaType, value: string): string {
  if (type === "timestamp") return `${value.replace(/^\+/, "")}+00`;
  return type === "date" || type === "timestamp_ntz" ? value.replace(/^\+/, "") : value;
}

/**
 * SQL that writes a typed column as text for the log, the engine's counterpart of
 * {@link encodePartitionValue}; null for NULL. Bytes that are not UTF-8 text are written as escapes. An empty text
 * stands for an empty text or no bytes, which the log cannot hold: it is to be refused.
 */
export function encodePartitionSql(type: DeltaType, value: SqlExpression): SqlExpression {
  if (type === "string") return value;
  if (type === "timestamp") return sql`strftime((${value}) AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ')`;
  if (type === "timestamp_ntz")
    return sql`regexp_replace(strftime(${value}, '%Y-%m-%d %H:%M:%S.%f'), '\\.000000$', '')`;
  if (type === "float" || type === "double") {
    return sql`CASE WHEN isnan(${value}) THEN 'NaN' WHEN isinf(${value}) THEN CASE WHEN (${value}) > 0 THEN 'Infinity' ELSE '-Infinity' END ELSE CAST(${value} AS VARCHAR) END`;
  }
  if (type === "binary") {
    return sql`coalesce(try(decode(${value})), regexp_replace(hex(${value}), '(..)', '\\\\u00\\1', 'g'))`;
  }
  return sql`CAST(${value} AS VARCHAR)`;
}

function readValue(type: DeltaType, text: string): boolean | string | Uint8Array | undefined {
  if (!isPrimitive(type)) return type.type === "decimal" ? readDecimal(type, text) : undefined;
  switch (type) {
    case "string":
      return text;
    case "byte":
    case "short":
    case "integer":
    case "long":
      return readInteger(integerRange[type], text);
    case "float":
    case "double":
      return readFloat(text);
    case "boolean":
      return /^(?:true|false)$/i.test(text) ? text.toLowerCase() === "true" : undefined;
    case "binary":
      return decodeBytes(text);
    case "date": {
      const days = parseDate(text);
      return days === undefined ? undefined : formatDate(days);
    }
    case "timestamp":
    case "timestamp_ntz": {
      const parsed = parseTimestamp(text);
      if (parsed === undefined || (type === "timestamp_ntz" && parsed.zoned && !/Z$/.test(text)))
        return undefined;
      return formatTimestamp(parsed.micros, " ");
    }
    default:
      return undefined;
  }
}

function readInteger([low, high]: readonly [bigint, bigint], text: string): string | undefined {
  if (!/^[+-]?\d{1,40}$/.test(text)) return undefined;
  const value = BigInt(text.replace(/^\+/, ""));
  return value < low || value > high ? undefined : value.toString();
}

function readFloat(text: string): string | undefined {
  if (/^nan$/i.test(text)) return "NaN";
  const infinity = /^([+-]?)inf(?:inity)?$/i.exec(text);
  if (infinity !== null) return infinity[1] === "-" ? "-Infinity" : "Infinity";
  if (!/^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/.test(text)) return undefined;
  const value = Number(text);
  return Object.is(value, -0) ? "-0" : String(value);
}

/** Decimal text with exactly the scale's digits; exponents as written by Java's BigDecimal are read too. */
function readDecimal(type: DecimalType, text: string): string | undefined {
  const parts = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,4}))?$/.exec(text);
  if (parts === null || `${parts[2]}${parts[3] ?? ""}` === "") return undefined;
  const shift = type.scale - (parts[3] ?? "").length + Number(parts[4] ?? 0);
  const digits = `${parts[2]}${parts[3] ?? ""}`.replace(/^0+/, "");
  if (digits.length + shift > type.precision || (shift < 0 && /[1-9]/.test(digits.slice(shift))))
    return digits === "" ? zero(type) : undefined;
  const whole = shift >= 0 ? digits + "0".repeat(shift) : digits.slice(0, shift);
  if (/^0*$/.test(whole)) return zero(type);
  const padded = whole.padStart(type.scale + 1, "0");
  const point = padded.length - type.scale;
  return `${parts[1] === "-" ? "-" : ""}${padded.slice(0, point)}${type.scale > 0 ? `.${padded.slice(point)}` : ""}`;
}

function zero(type: DecimalType): string {
  return type.scale > 0 ? `0.${"0".repeat(type.scale)}` : "0";
}

const escapes = /^(?:\\u00[0-9A-Fa-f]{2})+$/;

function decodeBytes(text: string): Uint8Array {
  if (!escapes.test(text)) return new TextEncoder().encode(text);
  return Uint8Array.from(text.slice(2).split("\\u"), (hex) => Number.parseInt(hex, 16));
}

function encodeBytes(bytes: Uint8Array): string {
  const text = utf8(bytes);
  if (text !== undefined && !escapes.test(text)) return text;
  return Array.from(bytes, (byte) => `\\u00${byte.toString(16).toUpperCase().padStart(2, "0")}`).join("");
}

function utf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

/** `timestamp_ntz` without a fraction if it is zero, as other writers spell it. */
function shortTime(type: DeltaType, text: string): string {
  return type === "timestamp_ntz" ? text.replace(/\.000000$/, "") : text;
}

function notOfType(type: DeltaType, text: string): VarveError {
  return new VarveError(
    "SCHEMA_MISMATCH",
    `Cannot use ${text} as a partition value of type ${typeText(type)}.`,
    {
      expected: typeText(type),
      found: text,
    },
  );
}
