import { parse, stringify } from "lossless-json";

/** A JSON value whose integers beyond 2^53 are `bigint`, so that int64 stays exact. */
export type JsonValue = null | boolean | number | bigint | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** A JSON object as {@link JsonValue}. */
export type JsonObject = { readonly [key: string]: JsonValue };

/**
 * Parses JSON keeping integers exact: safe integers and fractions become `number`, larger integers `bigint`.
 *
 * Texts without a run of 16 digits cannot hold an unsafe integer and take the engine's own, much faster parser.
 *
 * @throws SyntaxError when `text` is not JSON.
 */
export function parseJson(text: string): JsonValue {
  return /\d{16}/.test(text) ? (parse(text, undefined, exactNumber) as JsonValue) : (JSON.parse(text) as JsonValue);
}

/** Writes JSON with `bigint` as plain digits, indented by `space` columns if given; the counterpart of {@link parseJson}. */
export function stringifyJson(value: JsonValue, space?: number): string {
  const text = stringifyPlain(value, space) ?? stringify(value, undefined, space);
  if (text === undefined) throw new TypeError("varve internal error: undefined cannot be written as JSON");
  return text;
}

/** Whether `value` is a JSON object (not null, not an array). */
export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The engine's own, much faster writer, which refuses values that hold a `bigint`. */
function stringifyPlain(value: JsonValue, space: number | undefined): string | undefined {
  try {
    return JSON.stringify(value, undefined, space);
  } catch {
    return undefined;
  }
}

function exactNumber(text: string): number | bigint {
  if (!/^-?\d+$/.test(text)) return Number(text);
  const value = BigInt(text);
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}

/** A plain value as JSON: undefined fields are left out, dates become ISO text, bytes base64, maps entries. @throws TypeError for functions and symbols. */
export function toJsonValue(value: unknown): JsonValue {
  if (value === null || value === undefined) return null;
  if (typeof value === "string" || typeof value === "boolean" || typeof value === "bigint") return value;
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  if (value instanceof Map) return [...value].map(([key, entry]) => [toJsonValue(key), toJsonValue(entry)]);
  if (Array.isArray(value)) return value.map(toJsonValue);
  if (typeof value !== "object") throw new TypeError(`A ${typeof value} cannot be written as JSON.`);
  const entries = Object.entries(value).filter(([, entry]) => entry !== undefined);
  return Object.fromEntries(entries.map(([key, entry]) => [key, toJsonValue(entry)]));
}
