import type { ValueType } from "../../core/value-type.ts";
import { type BuilderOptions, CellProblem, type ColumnBuilder } from "../shared/builder-contract.ts";
import { FixedData, Validity } from "../shared/chunk-buffers.ts";
import { ExactNumber } from "../shared/exact-number.ts";
import { doubleOfText, floatOf } from "../shared/number-text.ts";
import { parseDecimal } from "../shared/parse-values.ts";
import { shownValueType } from "./shown-value-type.ts";

/** Stores a value; false where it is none of the type. */
type Put = (at: number, value: NonNullable<unknown>) => boolean;

/**
 * A column of values of `width` bytes each; `makePut` gives nothing for a type that has no values but null.
 */
export function fixedBuilder(
  options: BuilderOptions,
  type: ValueType,
  width: number,
  makePut: (data: FixedData) => Put | undefined,
): ColumnBuilder {
  const data = new FixedData(width);
  const validity = new Validity();
  const put = makePut(data);
  return {
    type,
    set(index, value) {
      data.reserve(index);
      if (value === null || value === undefined) validity.clear(index);
      else if (put === undefined || !put(index, value)) throw new CellProblem(shownValueType(type), value);
    },
    write(vector, count) {
      data.write(options.driver, vector, count);
      validity.write(options.driver, vector, count);
    },
  };
}

export function integerBuilder(options: BuilderOptions, type: ValueType, bits: 8 | 16 | 32): ColumnBuilder {
  const limit = 2 ** (bits - 1);
  return fixedBuilder(options, type, bits / 8, (data) => {
    const store = { 8: storeInt8, 16: storeInt16, 32: storeInt32 }[bits];
    return (at, value) => {
      const number = typeof value === "bigint" ? Number(value) : value;
      if (typeof number !== "number" || !Number.isInteger(number) || number < -limit || number >= limit)
        return false;
      store(data, at, number);
      return true;
    };
  });
}

function storeInt8(data: FixedData, at: number, value: number): void {
  data.view.setInt8(at, value);
}

function storeInt16(data: FixedData, at: number, value: number): void {
  data.view.setInt16(at * 2, value, true);
}

function storeInt32(data: FixedData, at: number, value: number): void {
  data.view.setInt32(at * 4, value, true);
}

const longDigits = 19;

export function bigintBuilder(options: BuilderOptions, type: ValueType): ColumnBuilder {
  return fixedBuilder(options, type, 8, (data) => (at, value) => {
    if (typeof value === "number") return putInteger(data.view, at * 8, value);
    // 9007199254740993.0 and 9007199254740993 are the same long
    const whole = value instanceof ExactNumber ? parseDecimal(value, longDigits, 0) : value;
    if (typeof whole !== "bigint" || BigInt.asIntN(64, whole) !== whole) return false;
    data.view.setBigInt64(at * 8, whole, true);
    return true;
  });
}

/** Stores a safe integer as 64 bits without making a `bigint` of it. */
export function putInteger(view: DataView, offset: number, value: number): boolean {
  if (!Number.isSafeInteger(value)) return false;
  view.setInt32(offset, value | 0, true);
  view.setInt32(offset + 4, Math.floor(value / 4_294_967_296), true);
  return true;
}

const nonFinite: ReadonlyMap<string, number> = new Map([
  ["NaN", Number.NaN],
  ["Infinity", Number.POSITIVE_INFINITY],
  ["-Infinity", Number.NEGATIVE_INFINITY],
]);

export function floatBuilder(options: BuilderOptions, type: ValueType): ColumnBuilder {
  const isSingle = type.kind === "float";
  return fixedBuilder(options, type, isSingle ? 4 : 8, (data) => (at, value) => {
    const number = isSingle ? singleOf(value, options.fromText) : doubleOf(value, options.fromText);
    if (number === undefined) return false;
    if (isSingle) data.view.setFloat32(at * 4, number, true);
    else data.view.setFloat64(at * 8, number, true);
    return true;
  });
}

function singleOf(value: unknown, fromText: boolean): number | undefined {
  if (value instanceof ExactNumber) return floatOf(value.value, value.text);
  const number = doubleOf(value, fromText);
  return number === undefined ? undefined : floatOf(number);
}

function doubleOf(value: unknown, fromText: boolean): number | undefined {
  if (typeof value === "number") return value;
  if (typeof value === "bigint") return BigInt(Number(value)) === value ? Number(value) : undefined;
  if (value instanceof ExactNumber) return doubleOfText(value.text);
  return fromText && typeof value === "string" ? nonFinite.get(value) : undefined;
}

export function decimalBuilder(
  options: BuilderOptions,
  type: { readonly kind: "decimal"; readonly width: number; readonly scale: number },
): ColumnBuilder {
  const bytes = type.width <= 4 ? 2 : type.width <= 9 ? 4 : type.width <= 18 ? 8 : 16;
  return fixedBuilder(options, type, bytes, (data) => (at, value) => {
    const unscaled = parseDecimal(value, type.width, type.scale);
    if (unscaled === undefined) return false;
    if (bytes === 2) data.view.setInt16(at * 2, Number(unscaled), true);
    else if (bytes === 4) data.view.setInt32(at * 4, Number(unscaled), true);
    else data.view.setBigInt64(at * bytes, BigInt.asIntN(64, unscaled), true);
    if (bytes === 16) data.view.setBigInt64(at * 16 + 8, unscaled >> 64n, true);
    return true;
  });
}
