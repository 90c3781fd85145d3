import { parseDate, parseTimestamp } from "../../schema/calendar.ts";
import { isPrimitive } from "../../schema/type-names.ts";
import type { DeltaType } from "../../schema/types.ts";
import { compareUtf8 } from "../../storage/contract/paths.ts";

/**
 * A value that can be compared with others of its kind: exact numbers as an integer over a power of ten,
 * floating-point numbers, text by code point, times in microseconds, booleans.
 */
export type Comparable =
  | { readonly kind: "exact"; readonly digits: bigint; readonly scale: number }
  | { readonly kind: "float"; readonly value: number }
  | { readonly kind: "text"; readonly value: string }
  | { readonly kind: "moment"; readonly micros: bigint }
  | { readonly kind: "boolean"; readonly value: boolean };

/**
 * Parses the text (or boolean) of a value of a type; `undefined` for types and texts that cannot be ordered,
 * including NaN.
 */
export function comparable(type: DeltaType, value: string | boolean): Comparable | undefined {
  if (typeof value === "boolean") return { kind: "boolean", value };
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
      // A float is written in its shortest decimal form, which is exact only after rounding back to single
      // precision.
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

/** Order of two values: below 0, 0, or above 0; `undefined` for kinds of values that cannot be compared. */
export function compare(a: Comparable, b: Comparable): number | undefined {
  if (a.kind === "exact" && b.kind === "exact") return compareExact(a, b);
  // The engine compares integers with floating-point numbers as the latter; rounding keeps their order.
  const [left, right] = [numberOf(a), numberOf(b)];
  if (left !== undefined && right !== undefined) return left - right || 0;
  if (a.kind === "text" && b.kind === "text") return compareUtf8(a.value, b.value);
  if (a.kind === "moment" && b.kind === "moment")
    return a.micros < b.micros ? -1 : a.micros > b.micros ? 1 : 0;
  if (a.kind === "boolean" && b.kind === "boolean") return Number(a.value) - Number(b.value);
  return undefined;
}

/** Whether single precision can hold an exact number, so that no rounding can move it across a bound. */
export function isSingle(value: Comparable): boolean {
  const number = numberOf(value);
  const back = number === undefined ? undefined : exact(String(Math.fround(number)));
  return back !== undefined && value.kind === "exact" && compareExact(value, back) === 0;
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

/** The double nearest to a number; `undefined` for anything else. */
function numberOf(value: Comparable): number | undefined {
  if (value.kind === "float") return value.value;
  return value.kind === "exact" ? Number(`${value.digits}e-${value.scale}`) : undefined;
}

function floatOf(text: string): number | undefined {
  if (/^[+-]?(?:Infinity|inf)$/i.test(text))
    return text.startsWith("-") ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  if (!/^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/.test(text)) return undefined;
  return Number(text);
}
