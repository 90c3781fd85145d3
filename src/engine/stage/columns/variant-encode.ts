import { hasLoneSurrogate } from "../../../util/lone-surrogate.ts";
import { trimEnd } from "../../../util/trim-end.ts";
import {
  counted,
  encodeArray,
  encodeDictionary,
  encodeObject,
  encodePrimitive,
  encodeText,
  joined,
  signed,
} from "../../variant/variant-bytes.ts";
import { CellProblem } from "../shared/builder-contract.ts";
import { ExactNumber } from "../shared/exact-number.ts";
import { doubleOfText } from "../shared/number-text.ts";
import { isNumberArray, isPlainObject } from "../shared/value-shapes.ts";

/** A variant in its two parts, Parquet's "Variant Binary Encoding" (VariantEncoding.md). */
export interface EncodedVariant {
  readonly metadata: Uint8Array;
  readonly value: Uint8Array;
}

/** As deep as varve reads variants. */
const maxDepth = 1000;

/**
 * Encodes a JavaScript value as a variant, each value by its own type: numbers that are whole as integers,
 * others as doubles, digits that no double holds as decimals, a `Date` as a timestamp, bytes as binary, a
 * `Map` as an array of objects of `key` and `value`.
 *
 * @param fromText the value was parsed from JSON
 * @throws {@link CellProblem} for a value that no variant holds exactly
 */
export function encodeVariant(value: unknown, fromText: boolean): EncodedVariant {
  const names = new Map<string, number>();
  const bytes = encode(value, { names, fromText }, 0);
  return { metadata: encodeDictionary([...names.keys()].map(utf8)), value: bytes };
}

interface Encoding {
  readonly names: Map<string, number>;
  readonly fromText: boolean;
}

function encode(value: unknown, into: Encoding, depth: number): Uint8Array {
  if (depth > maxDepth) throw new CellProblem(`a variant nested at most ${maxDepth} deep`, value);
  if (value === null || value === undefined) return encodePrimitive(0);
  switch (typeof value) {
    case "boolean":
      return encodePrimitive(value ? 1 : 2);
    case "number":
      // JSON has no infinity: it is what a number beyond the range of doubles was parsed as.
      if (into.fromText && !Number.isFinite(value))
        throw new CellProblem("a number that a double can hold", value);
      return Number.isSafeInteger(value) && !Object.is(value, -0) ? integer(BigInt(value)) : double(value);
    case "bigint":
      return BigInt.asIntN(64, value) === value ? integer(value) : decimal(value, 0, value);
    case "string":
      return text(value);
    case "object":
      return encodeStructure(value, into, depth);
    default:
      throw new CellProblem("a value that a variant holds", value);
  }
}

function encodeStructure(value: object, into: Encoding, depth: number): Uint8Array {
  if (value instanceof ExactNumber) return exact(value);
  if (value instanceof Date) return timestamp(value);
  if (value instanceof ArrayBuffer) return encodePrimitive(15, counted(new Uint8Array(value)));
  if (value instanceof Uint8Array) return encodePrimitive(15, counted(value));
  if (value instanceof Map)
    return encodeArray(
      [...value].map(([key, item]) => objectOf([...Object.entries({ key, value: item })], into, depth + 1)),
    );
  if (Array.isArray(value) || isNumberArray(value))
    return encodeArray(Array.from(value as ArrayLike<unknown>, (item) => encode(item, into, depth + 1)));
  if (isPlainObject(value)) return objectOf(Object.entries(value), into, depth);
  throw new CellProblem("a value that a variant holds", value);
}

function objectOf(
  entries: readonly (readonly [string, unknown])[],
  into: Encoding,
  depth: number,
): Uint8Array {
  const fields = entries.map(([name, item]) => {
    const id = into.names.get(name) ?? into.names.size;
    into.names.set(name, id);
    return { id, name: utf8(name), item: encode(item, into, depth + 1) };
  });
  return encodeObject(fields);
}

function integer(value: bigint): Uint8Array {
  const size = [1, 2, 4].find((bytes) => BigInt.asIntN(bytes * 8, value) === value) ?? 8;
  return encodePrimitive({ 1: 3, 2: 4, 4: 5 }[size] ?? 6, signed(value, size));
}

function double(value: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return encodePrimitive(7, bytes);
}

/** A number of JSON: a double where that has the same digits, else a decimal. */
function exact(number: ExactNumber): Uint8Array {
  const { text, value } = number;
  if (Number.isFinite(value) && significant(text) === significant(String(value)) && !/^-?\d+$/.test(text))
    return double(value);
  const [, sign = "", whole = "", fraction = "", power = "0"] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? [];
  const scale = fraction.length - Number(power);
  if (whole === "" || Math.abs(scale) > 38) {
    const nearest = doubleOfText(text);
    if (nearest === undefined) throw unheld(number);
    return double(nearest);
  }
  const digits = BigInt(`${sign}${whole}${fraction}`) * 10n ** BigInt(Math.max(0, -scale));
  return decimal(digits, Math.max(0, scale), number);
}

function significant(text: string): string {
  const digits = text
    .replace(/[eE].*$/, "")
    .replace(/[-.]/g, "")
    .replace(/^0+/, "");
  return trimEnd(digits, /0/);
}

function decimal(unscaled: bigint, scale: number, value: unknown): Uint8Array {
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().length;
  if (digits > 38) throw unheld(value);
  const [type, size] = digits <= 9 ? [8, 4] : digits <= 18 ? [9, 8] : [10, 16];
  return encodePrimitive(type, joined([Uint8Array.of(scale), signed(unscaled, size)]));
}

function timestamp(date: Date): Uint8Array {
  if (Number.isNaN(date.getTime())) throw new CellProblem("a date that is valid", date);
  return encodePrimitive(12, signed(BigInt(date.getTime()) * 1000n, 8));
}

function text(value: string): Uint8Array {
  return encodeText(utf8(value));
}

function unheld(value: unknown): CellProblem {
  return new CellProblem("a number of at most 38 digits, which is what a variant holds", value);
}

function utf8(value: string): Uint8Array {
  if (hasLoneSurrogate(value)) throw new CellProblem("text without lone surrogates", value);
  return Buffer.from(value, "utf8");
}
