import { VarveError } from "../../errors.ts";
import { isPinName } from "../../pins/reading/pin-name.ts";

/**
 * A time: a `Date`, milliseconds since 1970-01-01 UTC, or text such as `2024-06-01T00:00:00Z`. Text without a
 * zone is in UTC, and a date alone means its midnight.
 */
export type Timestamp = Date | number | string;

/** A point of a table's history: a version or a time. */
export type VersionPoint = { readonly version: number } | { readonly timestamp: Timestamp };

/** A version that a pin keeps, by the pin's name. */
export interface PinPoint {
  readonly pin: string;
}

/** A validated {@link VersionPoint}, with the time in milliseconds since 1970-01-01 UTC. */
export type TravelPoint = { readonly version: number } | { readonly timestamp: number };

/**
 * A version (a number, or text such as `v12`) or a time (a `Date`, or text such as `2024-06-01T00:00:00Z`; a
 * date alone means its midnight in UTC).
 */
export type VersionArgument = number | Date | string;

const suffix = /@(v\d+|\d{4}-\d{2}-\d{2}(?:[T ][^@/]*)?)$/;

/**
 * Splits a suffix `@v12` or `@2024-06-01T00:00:00Z` off a table's URI.
 *
 * @throws `INVALID_ARGUMENT` for a suffix that begins like a time but is not one
 */
export function splitTableUri(text: string): {
  readonly uri: string;
  readonly point?: TravelPoint | undefined;
} {
  requireText(text, "The folder or URI of a table", "uri");
  const match = suffix.exec(text);
  if (match?.[1] === undefined) return { uri: text };
  return { uri: text.slice(0, match.index), point: parseTravelPoint(match[1]) };
}

/** Refuses values that plain JavaScript may pass instead of text. @throws `INVALID_ARGUMENT` */
export function requireText(value: unknown, what: string, name: string): void {
  if (typeof value === "string") return;
  throw new VarveError(
    "INVALID_ARGUMENT",
    `${what} must be text, not ${value === null ? "null" : typeof value}.`,
    {
      [name]: typeof value,
    },
  );
}

/** Refuses values that plain JavaScript may pass instead of an options object. @throws `INVALID_ARGUMENT` */
export function requireOptions(value: unknown, verb: string): void {
  if (typeof value === "object" && value !== null) return;
  throw new VarveError(
    "INVALID_ARGUMENT",
    `${verb} takes an object of options, not ${value === null ? "null" : typeof value}.`,
    { verb },
  );
}

/** Reads a version such as `12` or `v12`, or a time. @throws `INVALID_ARGUMENT` */
export function parseTravelPoint(argument: VersionArgument): TravelPoint {
  const value: unknown = argument;
  if (typeof value !== "string" && typeof value !== "number" && !(value instanceof Date))
    throw noPoint(value);
  if (argument instanceof Date) return { timestamp: parseTimestamp(argument) };
  if (typeof argument === "number") return { version: checkedVersion(argument, String(argument)) };
  const digits = /^v?(\d+)$/.exec(argument.trim())?.[1];
  return digits === undefined
    ? {
        timestamp: parseTime(
          argument,
          "is neither a version nor a time. Write a version as 12 or v12, a time as",
        ),
      }
    : { version: checkedVersion(Number(digits), argument) };
}

/**
 * Like {@link parseTravelPoint}, but also accepts `{ version }` and `{ timestamp }`.
 *
 * @throws `INVALID_ARGUMENT` for anything else
 */
export function versionPoint(argument: VersionArgument | VersionPoint): TravelPoint {
  if (typeof argument !== "object" || argument === null || argument instanceof Date)
    return parseTravelPoint(argument);
  if ("version" in argument) return { version: checkedVersion(argument.version, String(argument.version)) };
  if ("timestamp" in argument) return { timestamp: parseTimestamp(argument.timestamp) };
  throw noPoint(argument);
}

/**
 * Like {@link versionPoint}, but also accepts the name of a pin, as text that reads neither like a version nor like a
 * time, or as `{ pin }`.
 *
 * @throws `INVALID_ARGUMENT` for anything else
 */
export function versionOrPin(argument: VersionArgument | VersionPoint | PinPoint): TravelPoint | PinPoint {
  if (typeof argument === "string" && isPinName(argument)) return { pin: argument };
  if (typeof argument !== "object" || argument === null || argument instanceof Date)
    return versionPoint(argument);
  if (!("pin" in argument)) return versionPoint(argument);
  requireText(argument.pin, "The name of a pin", "pin");
  return { pin: argument.pin };
}

/**
 * The point of a verb that takes a version or a timestamp as options; `undefined` if neither is given.
 *
 * @throws `INVALID_ARGUMENT` for both, and as {@link versionPoint}
 */
export function pointOfOptions(
  verb: string,
  {
    version,
    timestamp,
  }: { readonly version?: number | undefined; readonly timestamp?: Timestamp | undefined },
): TravelPoint | undefined {
  if (version === undefined) return timestamp === undefined ? undefined : versionPoint({ timestamp });
  if (timestamp === undefined) return versionPoint({ version });
  throw new VarveError("INVALID_ARGUMENT", `Pass either a version or a timestamp to ${verb}, not both.`, {
    version,
    timestamp: String(timestamp),
  });
}

function noPoint(value: unknown): VarveError {
  const what =
    value === null
      ? "null"
      : typeof value === "object"
        ? "an object without version and timestamp"
        : typeof value;
  return new VarveError(
    "INVALID_ARGUMENT",
    `A version must be a number, a Date, or text such as v12, not ${what}.`,
    { given: what },
  );
}

/** Milliseconds since 1970-01-01 UTC of a caller's time. @throws `INVALID_ARGUMENT` */
export function parseTimestamp(time: Timestamp): number {
  if (typeof time === "string") return parseTime(time);
  return checkedTime(time instanceof Date ? time.getTime() : time, String(time));
}

/**
 * Milliseconds since 1970-01-01 UTC of an ISO time; without a zone, it is in UTC. @throws `INVALID_ARGUMENT`
 */
function parseTime(text: string, problem?: string): number {
  const match =
    /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)\s*(Z|UTC|[+-]\d{2}:?\d{2})?)?$/i.exec(
      text.trim(),
    );
  const zone =
    match?.[3] === undefined || /^utc$/i.test(match[3])
      ? "Z"
      : match[3].replace(/^([+-]\d{2})(\d{2})$/, "$1:$2");
  return checkedTime(
    match === null ? Number.NaN : Date.parse(`${match[1]}T${match[2] ?? "00:00"}${zone}`),
    text,
    problem,
  );
}

function checkedVersion(version: number, text: string): number {
  if (Number.isSafeInteger(version) && version >= 0) return version;
  throw new VarveError(
    "INVALID_ARGUMENT",
    `Invalid version ${text}: a version must be a non-negative integer.`,
    { version: text },
  );
}

/** The latest time that a `Date` holds, in the year 275760. */
const mostMilliseconds = 8.64e15;

function checkedTime(milliseconds: number, text: string, problem = "is not a time. Write it as"): number {
  if (Math.abs(milliseconds) <= mostMilliseconds) return milliseconds;
  throw new VarveError("INVALID_ARGUMENT", `${JSON.stringify(text)} ${problem} 2024-06-01T00:00:00Z.`, {
    text,
  });
}
