import { trimEnd } from "../../../util/trim-end.ts";

/** A decimal number, taken apart: `digits` times 10 to the power of `exponent`; zero has no digits. */
interface DecimalParts {
  readonly isNegative: boolean;
  /** Without zeros at either end. */
  readonly digits: string;
  readonly exponent: number;
}

const numberPattern = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/;

/** The parts of a number's text; undefined for what is no decimal number. */
function decimalParts(text: string): DecimalParts | undefined {
  const match = numberPattern.exec(text);
  if (match === null) return undefined;
  const [, sign, whole = "", fraction = "", power = "0"] = match;
  if (whole === "" && fraction === "") return undefined;
  const isNegative = sign === "-";
  const significant = (whole + fraction).replace(/^0+/, "");
  const digits = trimEnd(significant, /0/);
  if (digits === "") return { isNegative, digits, exponent: 0 };
  const exponent = Number(power) - fraction.length + (significant.length - digits.length);
  return { isNegative, digits, exponent };
}

/** Digits that every double keeps, whatever they are. */
export const safeDigits = 15;
/** The most digits that `toPrecision` gives. */
const printableDigits = 100;

/**
 * Whether a number that was made of a text stands for it: printed with as many digits as the text has, it gives the
 * text's value again. `0.1` is held by a double and by a float; 9007199254740993, 1e400 and 1e-400 by no double,
 * 16777217 by no float.
 */
export function holdsText(value: number, text: string): boolean {
  const given = decimalParts(text);
  if (given === undefined) return false;
  if (given.digits === "") return value === 0;
  if (value === 0 || !Number.isFinite(value) || given.digits.length > printableDigits) return false;
  const printed = decimalParts(Math.abs(value).toPrecision(given.digits.length));
  if (printed === undefined) return false;
  const power = given.exponent + given.digits.length;
  if (printed.exponent + printed.digits.length !== power) return false;
  return printed.digits === given.digits || isHalfway(value, given.digits);
}

/** Whether a number lies halfway above a text's digits: `toPrecision` prints the next one, others the even one. */
function isHalfway(value: number, digits: string): boolean {
  const all = Math.abs(value).toExponential(printableDigits).replace(/e.*$/, "").replace(".", "");
  return all.startsWith(digits) && /[02468]$/.test(digits) && /^50*$/.test(all.slice(digits.length));
}

/** The double that a text stands for; undefined where none holds it. */
export function doubleOfText(text: string): number | undefined {
  const value = Number(text);
  // the text that a double is printed as stands for it
  if (String(value) === text && Number.isFinite(value)) return value;
  // as many digits and no exponent: nothing can get lost
  if (text.length <= safeDigits && !/[eE]/.test(text) && Number.isFinite(value)) return value;
  return holdsText(value, text) ? value : undefined;
}

/**
 * The double that is printed as the same number as a text; undefined where the text has other digits, even if a
 * double holds it: 0.10000000000000001 is held by the double 0.1, but is another decimal.
 */
export function sameDouble(text: string): number | undefined {
  const value = Number(text);
  const printed = String(value);
  if (!Number.isFinite(value)) return undefined;
  if (printed === text || (text.length <= safeDigits && !/[eE]/.test(text))) return value;
  const [given, own] = [decimalParts(text), decimalParts(printed)];
  return given?.digits === own?.digits && given?.exponent === own?.exponent ? value : undefined;
}

/** The float of 32 bits, as a double, that stands for a double or for a number's text; undefined where none holds it. */
export function floatOf(value: number, text?: string): number | undefined {
  const single = Math.fround(value);
  if (Object.is(single, value) && text === undefined) return single;
  return holdsText(single, text ?? String(value)) ? single : undefined;
}

/** The most digits of a decimal. */
export const decimalDigits = 38;

/** Digits of a number before and behind its point. */
export interface DecimalShape {
  readonly whole: number;
  readonly scale: number;
}

/** The digits of nulls and zeros. */
export const noDigits: DecimalShape = { whole: 0, scale: 0 };

/** The digits that a decimal needs for a number's text; undefined for what is no finite decimal number. */
export function decimalShape(text: string): DecimalShape | undefined {
  const parts = decimalParts(text);
  if (parts === undefined) return undefined;
  const { digits, exponent } = parts;
  return { whole: Math.max(0, digits.length + exponent), scale: Math.max(0, -exponent) };
}
