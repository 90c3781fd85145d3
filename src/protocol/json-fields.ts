import { VarveError } from "../errors.ts";
import type { JsonObject, JsonValue } from "../util/json.ts";
import { isJsonObject, stringifyJson } from "../util/json.ts";

/** The error of a log file whose content breaks the protocol; `where` names file, line and action. */
export function corrupt(where: string, what: string, cause?: unknown): VarveError {
  return new VarveError(
    "LOG_CORRUPT",
    `${where}: ${what}. The log is damaged or was written by a faulty program.`,
    { where, what },
    cause,
  );
}

type Present<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** Leaves out the fields that are `undefined`, so that optional fields stay absent. */
export function present<T extends object>(fields: T): Present<T> {
  const kept: Present<T> = {};
  for (const name in fields) {
    const value = fields[name];
    if (value !== undefined) kept[name] = value as Exclude<T[typeof name], undefined>;
  }
  return kept;
}

/** A string field. @throws `LOG_CORRUPT` */
export function optionalText(body: JsonObject, name: string, where: string): string | undefined {
  const value = own(body, name);
  if (value === undefined || typeof value === "string") return value;
  throw wrong(where, name, "a string", value);
}

/** A required string field. @throws `LOG_CORRUPT` */
export function requiredText(body: JsonObject, name: string, where: string): string {
  return optionalText(body, name, where) ?? missing(where, name);
}

/**
 * The path of a file: required, not empty, and without NUL, escaped or not, which no store allows in a name.
 * @throws `LOG_CORRUPT`
 */
export function requiredPath(body: JsonObject, where: string): string {
  const path = requiredText(body, "path", where);
  if (path === "" || path.includes("\0") || path.includes("%00"))
    throw wrong(where, "path", "the path of a file", path);
  return path;
}

/** A boolean field. @throws `LOG_CORRUPT` */
export function optionalBoolean(body: JsonObject, name: string, where: string): boolean | undefined {
  const value = own(body, name);
  if (value === undefined || typeof value === "boolean") return value;
  throw wrong(where, name, "true or false", value);
}

/** An integer field within ±2^53. @throws `LOG_CORRUPT` */
export function optionalInteger(body: JsonObject, name: string, where: string): number | undefined {
  const value = own(body, name);
  if (value === undefined || (typeof value === "number" && Number.isSafeInteger(value))) return value;
  throw wrong(where, name, "an integer below 2^53", value);
}

/** Like {@link optionalInteger}, but required. @throws `LOG_CORRUPT` */
export function requiredInteger(body: JsonObject, name: string, where: string): number {
  return optionalInteger(body, name, where) ?? missing(where, name);
}

/** An integer field of 0 or more. */
function optionalCount(body: JsonObject, name: string, where: string): number | undefined {
  const value = optionalInteger(body, name, where);
  if (value !== undefined && value < 0) throw wrong(where, name, "0 or more", value);
  return value;
}

/** A required integer field of 0 or more. @throws `LOG_CORRUPT` */
export function requiredCount(body: JsonObject, name: string, where: string): number {
  return optionalCount(body, name, where) ?? missing(where, name);
}

/** An integer field from 0 to 2^31 - 1: a checkpoint has 32 bits for it. @throws `LOG_CORRUPT` */
export function optionalShortCount(body: JsonObject, name: string, where: string): number | undefined {
  const value = optionalCount(body, name, where);
  if (value !== undefined && value >= 2 ** 31) throw wrong(where, name, "below 2^31", value);
  return value;
}

/** Like {@link optionalShortCount}, but required. @throws `LOG_CORRUPT` */
export function requiredShortCount(body: JsonObject, name: string, where: string): number {
  return optionalShortCount(body, name, where) ?? missing(where, name);
}

/** Milliseconds since 1970 that a `Date` can hold. @throws `LOG_CORRUPT` */
export function optionalTime(body: JsonObject, name: string, where: string): number | undefined {
  const value = optionalInteger(body, name, where);
  if (value !== undefined && Math.abs(value) > greatestTime)
    throw wrong(where, name, `at most ${greatestTime} milliseconds from 1970`, value);
  return value;
}

/** ECMA-262 "Time Values and Time Range". */
const greatestTime = 8.64e15;

/** An int64 field. @throws `LOG_CORRUPT` */
export function optionalBigint(body: JsonObject, name: string, where: string): bigint | undefined {
  const value = own(body, name);
  if (value === undefined) return undefined;
  if (typeof value === "bigint" && BigInt.asIntN(64, value) === value) return value;
  if (typeof value === "number" && Number.isSafeInteger(value)) return BigInt(value);
  // As the engine hands them out of checkpoints, so that no parser rounds them.
  if (
    typeof value === "string" &&
    /^-?\d{1,19}$/.test(value) &&
    BigInt.asIntN(64, BigInt(value)) === BigInt(value)
  )
    return BigInt(value);
  throw wrong(where, name, "a 64-bit integer", value);
}

/** Like {@link optionalBigint}, but required. @throws `LOG_CORRUPT` */
export function requiredBigint(body: JsonObject, name: string, where: string): bigint {
  return optionalBigint(body, name, where) ?? missing(where, name);
}

/** An array of strings. @throws `LOG_CORRUPT` */
export function textList(body: JsonObject, name: string, where: string): readonly string[] | undefined {
  const value = own(body, name);
  if (value === undefined) return undefined;
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value;
  throw wrong(where, name, "an array of strings", value);
}

/** An object of strings. @throws `LOG_CORRUPT` */
export function textMap(
  body: JsonObject,
  name: string,
  where: string,
): Readonly<Record<string, string>> | undefined {
  const value = nullableTextMap(body, name, where);
  if (value === undefined || isTextMap(value)) return value;
  // A property without a value counts as absent.
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => entry[1] !== null),
  );
}

/** An object of strings and nulls. @throws `LOG_CORRUPT` */
export function nullableTextMap(
  body: JsonObject,
  name: string,
  where: string,
): Readonly<Record<string, string | null>> | undefined {
  const value = own(body, name);
  if (value === undefined) return undefined;
  if (!isJsonObject(value)) throw wrong(where, name, "an object", value);
  if (isNullableTextMap(value)) return value;
  throw wrong(where, name, "an object whose values are strings", value);
}

/**
 * The text of statistics; an object instead of the text, as some writers put it, is accepted too. @throws
 * `LOG_CORRUPT`
 */
export function statsText(body: JsonObject, where: string): string | undefined {
  const value = own(body, "stats");
  if (isJsonObject(value)) return stringifyJson(value);
  return optionalText(body, "stats", where);
}

function own(body: JsonObject, name: string): Exclude<JsonValue, null> | undefined {
  const value = Object.hasOwn(body, name) ? body[name] : undefined;
  return value === null ? undefined : value;
}

function isTextMap(
  value: Readonly<Record<string, string | null>>,
): value is Readonly<Record<string, string>> {
  for (const name in value) if (value[name] === null) return false;
  return true;
}

function isNullableTextMap(value: JsonObject): value is Readonly<Record<string, string | null>> {
  for (const name of Object.keys(value))
    if (value[name] !== null && typeof value[name] !== "string") return false;
  return true;
}

function wrong(where: string, name: string, expected: string, value: JsonValue): VarveError {
  const shown = stringifyJson(value);
  return corrupt(
    where,
    `${name} must be ${expected}, not ${shown.length > 100 ? `${shown.slice(0, 100)}…` : shown}`,
  );
}

function missing(where: string, name: string): never {
  throw corrupt(where, `${name} is missing`);
}
