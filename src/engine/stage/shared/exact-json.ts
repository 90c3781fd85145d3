import { parse } from "lossless-json";
import { ExactNumber } from "./exact-number.ts";
import { sameDouble } from "./number-text.ts";

/**
 * The value of a JSON text; numbers whose digits neither a number nor a 64-bit integer has are {@link ExactNumber}.
 *
 * @throws whatever the parser throws for text that is not JSON
 */
export function exactJson(text: string): unknown {
  return mayLoseDigits.test(text) && losesDigits(text)
    ? parse(text, undefined, { parseNumber: exactNumber, onDuplicateKey: keepFirst })
    : JSON.parse(text);
}

/** More digits than a double keeps, or an exponent of at least three. */
const mayLoseDigits = /\d[\d.]{15}|[:,[\s]-?\d[\d.]*[eE][+-]?\d{3}/;
/** The same, as whole numbers, and what looks like one within a string. */
const longNumbers = /-?\d[\d.]{15,}(?:[eE][+-]?\d+)?|-?\d[\d.]*[eE][+-]?\d{3,}/g;
const wholeNumber = /^-?\d+$/;

/**
 * Whether a number of a text is none of JavaScript's. Mostly none is, and the parser that keeps digits takes
 * several times as long as the engine's own.
 */
function losesDigits(text: string): boolean {
  for (const number of text.match(longNumbers) ?? []) {
    const isHeld = wholeNumber.test(number)
      ? Number.isSafeInteger(Number(number))
      : sameDouble(number) !== undefined;
    if (!isHeld) return true;
  }
  return false;
}

/** A name that comes twice is found by {@link repeatedName}, which says it of every parser's result. */
const keepFirst = (): void => undefined;

function exactNumber(text: string): number | bigint | ExactNumber {
  if (wholeNumber.test(text)) {
    if (text === "-0") return -0;
    // longer than any long
    if (text.length > 20) return new ExactNumber(text);
    const value = BigInt(text);
    if (value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER))
      return Number(value);
    return BigInt.asIntN(64, value) === value ? value : new ExactNumber(text);
  }
  return sameDouble(text) ?? new ExactNumber(text);
}
