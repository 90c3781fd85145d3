import { parse, stringify } from "lossless-json";

/** A JSON value whose integers beyond 2^53 are `bigint`, so that int64 stays exact. */
export type JsonValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

/** A JSON object as {@link JsonValue}. */
export type JsonObject = { readonly [key: string]: JsonValue };

/**
 * Maximum depth of arrays and objects in a JSON text: enough for several hundred levels of a schema, and few
 * enough for recursive code.
 */
const deepestJson = 1_000;

/** More digits than any exact integer of the format has; longer numbers are rounded. */
const mostDigits = 400;

/**
 * Parses JSON and keeps integers exact: safe integers and fractions become `number`, larger integers
 * `bigint`.
 *
 * Text without a run of 16 digits cannot hold an unsafe integer, and is parsed by the much faster
 * `JSON.parse`.
 *
 * @throws SyntaxError if `text` is not JSON, or nests deeper than {@link deepestJson}
 */
export function parseJson(text: string): JsonValue {
  checkNesting(text);
  return /\d{16}/.test(text)
    ? (parse(text, undefined, exactNumber) as JsonValue)
    : (JSON.parse(text) as JsonValue);
}

/**
 * Where a text stops being JSON, such as `line 3, column 7`; `undefined` if it is JSON, or the place is not known.
 * `JSON.parse` does not always say.
 */
export function jsonFaultPlace(text: string): string | undefined {
  try {
    checkNesting(text);
    parse(text);
    return undefined;
  } catch (error) {
    const position = /\bat position (\d+)/.exec(error instanceof Error ? error.message : "")?.[1];
    if (position === undefined) return undefined;
    const lines = text.slice(0, Number(position)).split("\n");
    return `line ${lines.length}, column ${(lines.at(-1) ?? "").length + 1}`;
  }
}

/**
 * Like {@link parseJson}, but only with `JSON.parse`: integers beyond 2^53 are rounded. @throws SyntaxError
 * as {@link parseJson}
 */
export function parseRoundedJson(text: string): JsonValue {
  checkNesting(text);
  return JSON.parse(text) as JsonValue;
}

/**
 * Writes JSON with `bigint` as plain digits, indented by `space` columns if given. The counterpart of
 * {@link parseJson}.
 */
export function stringifyJson(value: JsonValue, space?: number): string {
  const text = stringifyPlain(value, space) ?? stringify(value, undefined, space);
  if (text === undefined) throw new TypeError("varve internal error: undefined cannot be written as JSON");
  return text;
}

/**
 * The text of a JSON object with some of its fields replaced or added; all other numbers keep their digits, even
 * those that no `number` holds.
 *
 * @throws SyntaxError if `text` is not a JSON object, or nests deeper than {@link deepestJson}
 */
export function withJsonFields(text: string, fields: JsonObject): string {
  checkNesting(text);
  const parsed = parse(text);
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed))
    throw new SyntaxError("The text is not a JSON object");
  const changed = stringify({ ...parsed, ...fields });
  if (changed === undefined) throw new TypeError("varve internal error: an object cannot be written as JSON");
  return changed;
}

/** Whether `value` is a JSON object (not null, not an array). */
export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The much faster `JSON.stringify`, which refuses values that contain a `bigint`. */
function stringifyPlain(value: JsonValue, space: number | undefined): string | undefined {
  try {
    return JSON.stringify(value, undefined, space);
  } catch {
    return undefined;
  }
}

/** @throws SyntaxError for text that nests deeper than {@link deepestJson} */
function checkNesting(text: string): void {
  if (text.length <= 2 * deepestJson) return;
  let depth = 0;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === quote) index = stringEnd(text, index);
    else if (code === openBracket || code === openBrace) {
      if (++depth > deepestJson) throw new SyntaxError(`nested more than ${deepestJson} deep`);
    } else if (code === closeBracket || code === closeBrace) depth--;
  }
}

const [quote, backslash, openBracket, closeBracket, openBrace, closeBrace] = [
  0x22, 0x5c, 0x5b, 0x5d, 0x7b, 0x7d,
];

/**
 * Index of the end of the string that begins at a quotation mark; the end of the text if it is not closed.
 */
function stringEnd(text: string, start: number): number {
  let index = start + 1;
  while (index < text.length && text.charCodeAt(index) !== quote)
    index += text.charCodeAt(index) === backslash ? 2 : 1;
  return index;
}

function exactNumber(text: string): number | bigint {
  if (text.length > mostDigits || !/^-?\d+$/.test(text)) return Number(text);
  const value = BigInt(text);
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)
    ? Number(value)
    : value;
}

/**
 * Converts a plain value to JSON: undefined fields are left out, dates become ISO text, bytes base64, arrays of
 * numbers and sets arrays, and maps arrays of entries. @throws TypeError for functions, symbols and promises
 */
export function toJsonValue(value: unknown): JsonValue {
  if (value === null || value === undefined) return null;
  if (typeof value === "string" || typeof value === "boolean" || typeof value === "bigint") return value;
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  if (value instanceof ArrayBuffer) return Buffer.from(value).toString("base64");
  if (isNumberArray(value) || value instanceof Set) return Array.from(value, toJsonValue);
  if (value instanceof Promise) throw new TypeError("A promise cannot be written as JSON. Await it first.");
  if (value instanceof Map) return [...value].map(([key, entry]) => [toJsonValue(key), toJsonValue(entry)]);
  if (Array.isArray(value)) return value.map(toJsonValue);
  if (typeof value !== "object") throw new TypeError(`A ${typeof value} cannot be written as JSON.`);
  const entries = Object.entries(value).filter(([, entry]) => entry !== undefined);
  return Object.fromEntries(entries.map(([key, entry]) => [key, toJsonValue(entry)]));
}

/** Arrays and objects this deep are written in pieces; what lies deeper is one piece. */
const deepestPieces = 3;

/**
 * The text that {@link stringifyJson} makes of {@link toJsonValue}, indented by two columns, member by member, so that
 * the text of a large value is never there as a whole. @throws as `toJsonValue`
 */
export function* jsonPieces(value: unknown, depth = 0): Generator<string> {
  const members = depth < deepestPieces ? membersOf(value) : undefined;
  if (members === undefined || members.length === 0) {
    yield stringifyJson(toJsonValue(value), 2).replaceAll("\n", `\n${"  ".repeat(depth)}`);
    return;
  }
  const isArray = Array.isArray(value);
  const indent = "  ".repeat(depth + 1);
  yield isArray ? "[" : "{";
  for (const [index, [key, member]] of members.entries()) {
    yield `${index === 0 ? "" : ","}\n${indent}${isArray ? "" : `${JSON.stringify(key)}: `}`;
    yield* jsonPieces(member, depth + 1);
  }
  yield `\n${"  ".repeat(depth)}${isArray ? "]" : "}"}`;
}

/** The members of an array or plain object that JSON has; undefined for other values. */
function membersOf(value: unknown): readonly (readonly [string, unknown])[] | undefined {
  if (Array.isArray(value)) return Array.from(value, (member) => ["", member] as const);
  if (typeof value !== "object" || value === null) return undefined;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return undefined;
  return Object.entries(value).filter(([, member]) => member !== undefined);
}

function isNumberArray(value: unknown): value is Iterable<number | bigint> {
  return ArrayBuffer.isView(value) && !(value instanceof DataView);
}

/** Whether a value nests no deeper than `levels`; {@link parseJson} reads 1,000. */
export function nestsWithin(value: JsonValue, levels: number): boolean {
  if (typeof value !== "object" || value === null) return true;
  return levels > 0 && Object.values(value).every((member: JsonValue) => nestsWithin(member, levels - 1));
}
