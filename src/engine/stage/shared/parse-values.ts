import { ExactNumber } from "./exact-number.ts";

const microsPerDay = 86_400_000_000;
const datePattern = /^([+-]\d{6}|\d{4})-(\d{2})-(\d{2})$/;
const timestampPattern =
  /^([+-]\d{6}|\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d+))?)?)? ?(Z|z|[+-]\d{2}(?::?\d{2})?)?$/;

/**
 * Days since 1970-01-01 of an ISO date or of a `Date` at midnight UTC; undefined where it is neither or no
 * real date.
 */
export function parseDate(value: unknown): number | undefined {
  if (value instanceof Date) {
    const days = value.getTime() / 86_400_000;
    return Number.isInteger(days) ? days : undefined;
  }
  if (typeof value !== "string") return undefined;
  const match = datePattern.exec(value);
  return match === null ? undefined : civilDays(Number(match[1]), Number(match[2]), Number(match[3]));
}

/**
 * Microseconds since 1970-01-01 of a `Date` or an ISO text with up to six significant fraction digits.
 *
 * With `zoned` a text without an offset is in UTC; without, a text with an offset is no value of the type.
 */
export function parseTimestamp(value: unknown, zoned: boolean): bigint | undefined {
  if (value instanceof Date) {
    const millis = value.getTime();
    return Number.isNaN(millis) ? undefined : BigInt(millis) * 1000n;
  }
  if (typeof value !== "string") return undefined;
  const match = timestampPattern.exec(value);
  if (match === null) return undefined;
  const [, year, month, day, hour = "0", minute = "0", second = "0", fraction = "", zone] = match;
  if (zone !== undefined && !zoned) return undefined;
  const days = civilDays(Number(year), Number(month), Number(day));
  if (
    days === undefined ||
    Number(hour) > 23 ||
    Number(minute) > 59 ||
    Number(second) > 59 ||
    /[1-9]/.test(fraction.slice(6))
  )
    return undefined;
  const seconds = Number(hour) * 3600 + Number(minute) * 60 + Number(second) - offsetSeconds(zone);
  return (
    BigInt(days) * BigInt(microsPerDay) +
    BigInt(seconds) * 1_000_000n +
    BigInt(fraction.slice(0, 6).padEnd(6, "0"))
  );
}

/**
 * The unscaled integer of an exact decimal; undefined where digits would be lost or the value does not fit
 * `width` digits.
 */
export function parseDecimal(value: unknown, width: number, scale: number): bigint | undefined {
  const text = decimalText(value);
  if (text === undefined) return undefined;
  const match = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/.exec(text);
  if (match === null) return undefined;
  const [, sign, whole = "", fraction = "", exponent = "0"] = match;
  if (whole.length + fraction.length === 0) return undefined;
  const shift = Number(exponent) - fraction.length + scale;
  let digits = (whole + fraction).replace(/^0+(?=\d)/, "");
  if (digits === "0") return 0n;
  if (shift >= 0) {
    if (digits.length + shift > width) return undefined;
    digits += "0".repeat(shift);
  } else {
    const lost = digits.slice(shift);
    if (/[1-9]/.test(lost)) return undefined;
    digits = digits.slice(0, shift);
  }
  if (digits.length > width) return undefined;
  const unscaled = BigInt(digits === "" ? "0" : digits);
  return sign === "-" ? -unscaled : unscaled;
}

/** Bytes of standard base64 with padding; undefined for anything else. */
export function parseBase64(text: string): Uint8Array | undefined {
  return /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)
    ? Buffer.from(text, "base64")
    : undefined;
}

function decimalText(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value === "bigint" || (typeof value === "number" && Number.isFinite(value)))
    return String(value);
  return value instanceof ExactNumber ? value.text : undefined;
}

function offsetSeconds(zone: string | undefined): number {
  if (zone === undefined || zone === "Z" || zone === "z") return 0;
  const seconds = Number(zone.slice(1, 3)) * 3600 + Number(zone.slice(3).replace(":", "") || "0") * 60;
  return zone.startsWith("-") ? -seconds : seconds;
}

/** Days since 1970-01-01 of a proleptic Gregorian date; undefined for a day that does not exist. */
function civilDays(year: number, month: number, day: number): number | undefined {
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return undefined;
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  return (
    era * 146_097 +
    yearOfEra * 365 +
    Math.floor(yearOfEra / 4) -
    Math.floor(yearOfEra / 100) +
    dayOfYear -
    719_468
  );
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}
