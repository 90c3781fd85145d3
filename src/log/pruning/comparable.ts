import { parseDate, parseTimestamp } from "../../schema/calendar.ts";
import { isPrimitive } from "../../schema/type-names.ts";
import type { DeltaType } from "../../schema/types.ts";

/**
 * A value that can be ordered against others of its kind: exact numbers as a rational of a power of ten,
 * floating numbers, text by code point, moments in microseconds, booleans.
 */
export type Comparable =
  | { readonly kind: "exact"; readonly digits: bigint; readonly scale: number }
  | { readonly kind: "float"; readonly value: number }
  | { readonly kind: "text"; readonly value: string }
  | { readonly kind: "moment"; readonly micros: bigint }
  | { readonly kind: "boolean"; readonly value: boolean };

/**
 * Reads the text (or boolean) of a value of a type; `undefined` for types and texts that cannot be ordered,
 * NaN among them.
 */
export function comparable(type: DeltaType, value: string | boolean): Comparable | undefined {
  if (typeof value === "boolean") return type === "boolean" ? { kind: "boolean", value } : undefined;
  if (!isPrimitive(type)) return type.type === "decimal" ? exact(value) : undefined;
  switch (type) {
    case "byte":
    case "short":
    case "integer":
    case "long":
      return exact(value);
    case "float":
    case "double": {
      const number = floatOf(value);
      if (number === undefined) return undefined;
      // A float is written in its shortest decimal form, which only rounding back to single precision makes
      // exact.
      return { kind: "float", value: type === "float" ? Math.fround(number) : number };
    }
    case "string":
      return { kind: "text", value };
    case "date": {
      const days = parseDate(value);
      return days === undefined ? undefined : { kind: "moment", micros: BigInt(days) * 86_400_000_000n };
    }
    case "timestamp":
    case "timestamp_ntz": {
      const parsed = parseTimestamp(value);
      return parsed === undefined ? undefined : { kind: "moment", micros: parsed.micros };
    }
    case "boolean":
      return value === "true" || value === "false" ? { kind: "boolean", value: value === "true" } : undefined;
    default:
      return undefined;
  }
}

/** Order of two values: below 0, 0, above 0; `undefined` for values of kinds that do not compare. */
export function compare(a: Comparable, b: Comparable): number | undefined {
  if (a.kind === "exact" && b.kind === "exact") return compareExact(a, b);
  if (a.kind === "float" && b.kind === "float") return a.value - b.value || 0;
  // The engine compares whole numbers with floating ones as floating ones; rounding keeps their order.
  if (a.kind === "exact" && b.kind === "float") return toFloat(a) - b.value || 0;
  if (a.kind === "float" && b.kind === "exact") return a.value - toFloat(b) || 0;
  if (a.kind === "text" && b.kind === "text") return compareText(a.value, b.value);
  if (a.kind === "moment" && b.kind === "moment")
    return a.micros < b.micros ? -1 : a.micros > b.micros ? 1 : 0;
  if (a.kind === "boolean" && b.kind === "boolean") return Number(a.value) - Number(b.value);
  return undefined;
}

/**
 * Orders texts as their UTF-8 bytes do, which is by code point; JavaScript's own order is another where there
 * are surrogates.
 */
export function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    const [left, right] = [a.charCodeAt(at), b.charCodeAt(at)];
    if (left === right) continue;
    // Surrogates stand for code points above all others of one unit.
    const [high, low] = [isSurrogate(left), isSurrogate(right)];
    if (high !== low) return high ? 1 : -1;
    return left - right;
  }
  return a.length - b.length;
}

/** Whether single precision holds a number exactly, so that no rounding can move it across a bound. */
export function isSingle(value: Comparable): boolean {
  if (value.kind === "float") return Math.fround(value.value) === value.value;
  if (value.kind !== "exact") return false;
  const number = toFloat(value);
  const back = exact(String(number));
  return Math.fround(number) === number && back !== undefined && compareExact(value, back) === 0;
}

function exact(text: string): Extract<Comparable, { kind: "exact" }> | undefined {
  if (shortInteger.test(text)) return { kind: "exact", digits: BigInt(text), scale: 0 };
  const parts = /^([+-]?)(\d{1,400})(?:\.(\d{0,400}))?(?:[eE]([+-]?\d{1,3}))?$/.exec(text);
  if (parts === null) return undefined;
  const fraction = parts[3] ?? "";
  const exponent = Number(parts[4] ?? 0);
  let digits = BigInt(`${parts[2] ?? ""}${fraction}`);
  let scale = fraction.length - exponent;
  if (scale < 0) {
    digits *= 10n ** BigInt(-scale);
    scale = 0;
  }
  return { kind: "exact", digits: parts[1] === "-" ? -digits : digits, scale };
}

const shortInteger = /^-?\d{1,30}$/;

function compareExact(a: { digits: bigint; scale: number }, b: { digits: bigint; scale: number }): number {
  if (a.scale === b.scale) return a.digits < b.digits ? -1 : a.digits > b.digits ? 1 : 0;
  const scale = Math.max(a.scale, b.scale);
  const left = a.digits * 10n ** BigInt(scale - a.scale);
  const right = b.digits * 10n ** BigInt(scale - b.scale);
  return left < right ? -1 : left > right ? 1 : 0;
}

function toFloat({ digits, scale }: { readonly digits: bigint; readonly scale: number }): number {
  return scale === 0 ? Number(digits) : Number(`${digits}e-${scale}`);
}

function floatOf(text: string): number | undefined {
  if (/^[+-]?(?:Infinity|inf)$/i.test(text))
    return text.startsWith("-") ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  if (!/^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text)) return undefined;
  return Number(text);
}

function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff;
}
