import type { Vector } from "@duckdb/node-bindings";
import { type Data, DataType, Precision } from "apache-arrow";
import type { Driver } from "../../core/driver.ts";
import type { ValueType } from "../../core/value-type.ts";
import { CellProblem } from "../shared/builder-contract.ts";
import { countsMilliseconds, microsecondsOf } from "./arrow-source.ts";
import { type Picked, positionOf, validityOf } from "./picked.ts";

/**
 * Copies values of a fixed width: in one go where both sides lay them out alike, else one by one. @throws
 * {@link CellProblem} for one that the engine's type cannot hold
 */
export function writeFixed(
  driver: Driver,
  vector: Vector,
  data: Data,
  type: ValueType,
  picked: Picked,
): void {
  const { values } = data;
  const width = widthOf(type);
  if (isSameLayout(data, type) && (picked.positions === undefined || picked.isRange === true)) {
    assertInRange(data, type, picked);
    const stride = values.BYTES_PER_ELEMENT * data.stride;
    const from = values.byteOffset + picked.start * stride;
    driver.bindings.copy_data_to_vector(vector, 0, values.buffer, from, picked.count * stride);
    return;
  }
  const view = new DataView(new ArrayBuffer(picked.count * width));
  const put = converter(data, type, view);
  const isValid = validityOf(data);
  for (let row = 0; row < picked.count; row++) {
    const position = positionOf(picked, row);
    if (position >= 0 && isValid(position)) put(row, position);
  }
  if (picked.count > 0) driver.bindings.copy_data_to_vector(vector, 0, view.buffer, 0, view.byteLength);
}

function widthOf(type: ValueType): number {
  if (type.kind === "boolean") return 1;
  if (type.kind === "integer") return type.bits / 8;
  if (type.kind === "decimal") return type.width <= 4 ? 2 : type.width <= 9 ? 4 : type.width <= 18 ? 8 : 16;
  return type.kind === "float" || type.kind === "date" ? 4 : 8;
}

function isSameLayout(data: Data, type: ValueType): boolean {
  const arrow = data.type;
  if (type.kind === "integer") return DataType.isInt(arrow) && arrow.isSigned;
  if (type.kind === "float") return DataType.isFloat(arrow) && arrow.precision === Precision.SINGLE;
  if (type.kind === "double") return true;
  if (type.kind === "date") return !countsMilliseconds(arrow);
  if (type.kind === "timestamp") {
    const scale = microsecondsOf(arrow);
    return "multiply" in scale && scale.multiply === 1n;
  }
  return (
    type.kind === "decimal" &&
    DataType.isDecimal(arrow) &&
    arrow.bitWidth === 128 &&
    arrow.scale >= 0 &&
    type.width > 18
  );
}

type Put = (row: number, position: number) => void;

function converter(data: Data, type: ValueType, view: DataView): Put {
  const { values } = data;
  switch (type.kind) {
    case "boolean":
      return (row, position) => {
        const bit = data.offset + position;
        view.setUint8(row, ((values[bit >> 3] ?? 0) >> (bit & 7)) & 1);
      };
    case "integer":
      return integerPut(values, type.bits, view);
    case "float": {
      const isHalf = DataType.isFloat(data.type) && data.type.precision === Precision.HALF;
      return (row, position) =>
        view.setFloat32(row * 4, isHalf ? halfFloat(values[position]) : values[position], true);
    }
    case "double":
      return (row, position) => view.setFloat64(row * 8, values[position], true);
    case "date":
      return datePut(data, view);
    case "timestamp":
      return timestampPut(data, type.zoned, view);
    default:
      return type.kind === "decimal" ? decimalPut(data, type, view) : () => undefined;
  }
}

function integerPut(values: Data["values"], bits: 8 | 16 | 32 | 64, view: DataView): Put {
  if (bits === 8) return (row, position) => view.setInt8(row, values[position]);
  if (bits === 16) return (row, position) => view.setInt16(row * 2, values[position], true);
  if (bits === 32) return (row, position) => view.setInt32(row * 4, values[position], true);
  return (row, position) => view.setBigInt64(row * 8, BigInt(values[position]), true);
}

const millisPerDay = 86_400_000n;

function datePut(data: Data, view: DataView): Put {
  const { values } = data;
  const isMillis = countsMilliseconds(data.type);
  return (row, position) => {
    const count = BigInt(values[position]);
    if (isMillis && count % millisPerDay !== 0n)
      throw new CellProblem("a date without a time", instant(count));
    const days = isMillis ? count / millisPerDay : count;
    if (days < firstDay || days > lastDay) throw new CellProblem("a date that the engine can hold", days);
    view.setInt32(row * 4, Number(days), true);
  };
}

/** As a date where JavaScript has it. */
function instant(millis: bigint): Date | bigint {
  const date = new Date(Number(millis));
  return Number.isNaN(date.getTime()) ? millis : date;
}

/** 64 bits of nanoseconds are within JavaScript's range of dates. */
function nanosecondText(value: bigint, zoned: boolean): string {
  const fraction = ((value % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  const seconds = new Date(Number((value - fraction) / 1_000_000n)).toISOString().slice(0, 19);
  return `${seconds}.${fraction.toString().padStart(9, "0")}${zoned ? "Z" : ""}`;
}

function timestampPut(data: Data, zoned: boolean, view: DataView): Put {
  const { values } = data;
  const scale = microsecondsOf(data.type);
  return (row, position) => {
    const value = BigInt(values[position]);
    if ("divide" in scale && value % scale.divide !== 0n)
      throw new CellProblem(
        "a timestamp of whole microseconds; Delta has no nanoseconds",
        nanosecondText(value, zoned),
      );
    const micros = "multiply" in scale ? value * scale.multiply : value / scale.divide;
    if (micros < firstMicros || micros > lastMicros)
      throw new CellProblem("a timestamp that the engine can hold", value);
    view.setBigInt64(row * 8, micros, true);
  };
}

/** What the engine holds between its infinities. */
const [firstDay, lastDay] = [-2_147_483_646n, 2_147_483_646n];
const [firstMicros, lastMicros] = [-9_223_372_022_400_000_000n, 9_223_372_036_854_775_806n];

/** @throws {@link CellProblem} for a value that its type says cannot be, among those that are copied as they are */
function assertInRange(data: Data, type: ValueType, picked: Picked): void {
  const isInside = insideOf(data, type);
  if (isInside === undefined) return;
  const isValid = validityOf(data);
  for (let row = 0; row < picked.count; row++) {
    const position = positionOf(picked, row);
    if (position < 0 || isInside(position) || !isValid(position)) continue;
    const put = converter(data, type, new DataView(new ArrayBuffer(16)));
    put(0, position);
  }
}

/** Tells whether a value is far inside the bounds of its type; where it does not, they are looked at. */
function insideOf(data: Data, type: ValueType): ((position: number) => boolean) | undefined {
  const { values } = data;
  if (type.kind === "date") return (position) => Math.abs(values[position]) < 2_147_483_646;
  if (type.kind === "timestamp") {
    const words = new Int32Array(values.buffer, values.byteOffset, values.length * 2);
    return (position) => Math.abs(words[position * 2 + 1] ?? 0) < 2_147_483_644;
  }
  if (type.kind !== "decimal") return undefined;
  const limit = 10 ** type.width * 0.999;
  return (position) => {
    const word = position * 4;
    const high = (values[word + 3] | 0) * 2 ** 96 + values[word + 2] * 2 ** 64;
    return Math.abs(high + values[word + 1] * 2 ** 32 + values[word]) < limit;
  };
}

function decimalPut(data: Data, type: Extract<ValueType, { kind: "decimal" }>, view: DataView): Put {
  const limit = 10n ** BigInt(type.width);
  const width = widthOf(type);
  const read = decimalReader(data);
  const arrowScale = DataType.isDecimal(data.type) ? data.type.scale : 0;
  const factor = arrowScale < 0 ? 10n ** BigInt(-arrowScale) : 1n;
  return (row, position) => {
    const value = read(position) * factor;
    if (value >= limit || value <= -limit)
      throw new CellProblem(`a decimal of ${type.width} digits`, decimalText(value, type.scale));
    if (width === 2) view.setInt16(row * 2, Number(value), true);
    else if (width === 4) view.setInt32(row * 4, Number(value), true);
    else view.setBigInt64(row * width, BigInt.asIntN(64, value), true);
    if (width === 16) view.setBigInt64(row * 16 + 8, value >> 64n, true);
  };
}

function decimalText(unscaled: bigint, scale: number): string {
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, "0");
  const whole = `${unscaled < 0n ? "-" : ""}${digits.slice(0, digits.length - scale)}`;
  return scale === 0 ? whole : `${whole}.${digits.slice(-scale)}`;
}

function decimalReader({ values, type, stride }: Data): (position: number) => bigint {
  if (DataType.isInt(type)) return (position) => BigInt(values[position]);
  const bits = stride * 32;
  return (position) => {
    let value = 0n;
    for (let word = stride - 1; word >= 0; word--)
      value = (value << 32n) | BigInt((values[position * stride + word] ?? 0) >>> 0);
    return BigInt.asIntN(bits, value);
  };
}

function halfFloat(bits: number): number {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const sign = bits >> 15 === 0 ? 1 : -1;
  if (exponent === 0) return sign * 2 ** -24 * fraction;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * 2 ** (exponent - 25) * (1024 + fraction);
}
