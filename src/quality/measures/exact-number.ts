import type { EngineValue } from "../../engine/core/contract.ts";

/**
 * A measured number with every digit: whole numbers and decimals that a number cannot hold are bigints and text
 * of digits.
 */
export type Measured = number | bigint | string;

/** Digits that any number holds. */
const safeDigits = 15;

/** A number of the engine with every digit; decimals are text there. */
export function exactOf(value: EngineValue | undefined): Measured | null {
  if (typeof value === "number") return value;
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (typeof value !== "string") return null;
  return value.replace(/^-?0*|\D/g, "").length <= safeDigits ? Number(value) : value;
}

/** Compares as `a - b` would, without rounding either. */
export function compareExactly(a: Measured, b: number | bigint): number {
  if (typeof a !== "string") return a < b ? -1 : a > b ? 1 : 0;
  const difference = differenceOf(a, b);
  if (typeof difference === "number") return difference;
  return difference.startsWith("-") ? -1 : /[1-9]/.test(difference) ? 1 : 0;
}

/** `a - b`, exact for whole numbers and decimals. */
export function subtractExactly(a: Measured, b: Measured): Measured {
  if (typeof a === "number" && typeof b === "number") return a - b;
  const difference = differenceOf(a, b);
  return typeof difference === "number" ? difference : (exactOf(difference) ?? Number.NaN);
}

/** The difference as digits, or as a number where one of the two has no plain digits. */
function differenceOf(a: Measured, b: Measured): string | number {
  const [left, right] = [digitsOf(a), digitsOf(b)];
  if (left === undefined || right === undefined) return Number(a) - Number(b);
  const scale = Math.max(left.fraction.length, right.fraction.length);
  const scaled = ({ whole, fraction }: Digits) => BigInt(whole + fraction.padEnd(scale, "0"));
  const difference = scaled(left) - scaled(right);
  const digits = String(difference < 0n ? -difference : difference).padStart(scale + 1, "0");
  const point = digits.length - scale;
  const text = scale === 0 ? digits : `${digits.slice(0, point)}.${digits.slice(point)}`;
  return difference < 0n ? `-${text}` : text;
}

interface Digits {
  readonly whole: string;
  readonly fraction: string;
}

function digitsOf(value: Measured): Digits | undefined {
  const [, whole, fraction = ""] = /^(-?\d+)(?:\.(\d+))?$/.exec(String(value)) ?? [];
  return whole === undefined ? undefined : { whole, fraction };
}
