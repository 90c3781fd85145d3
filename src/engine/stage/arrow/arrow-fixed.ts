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
  return type.kind === "decimal" && DataType.isDecimal(arrow) && arrow.bitWidth === 128 && type.width > 18;
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
      return timestampPut(data, view);
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

function datePut(data: Data, view: DataView): Put {
  const { values } = data;
  if (!countsMilliseconds(data.type))
    return (row, position) => view.setInt32(row * 4, values[position], true);
  return (row, position) => {
    const millis = Number(values[position]);
    if (millis % 86_400_000 !== 0) throw new CellProblem("a date without a time", new Date(millis));
    view.setInt32(row * 4, millis / 86_400_000, true);
  };
}

function timestampPut(data: Data, view: DataView): Put {
  const { values } = data;
  const scale = microsecondsOf(data.type);
  return (row, position) => {
    const value = BigInt(values[position]);
    if ("multiply" in scale) {
      const micros = value * scale.multiply;
      if (BigInt.asIntN(64, micros) !== micros)
        throw new CellProblem("a timestamp that 64 bits of microseconds can hold", value);
      view.setBigInt64(row * 8, micros, true);
    } else {
      if (value % scale.divide !== 0n)
        throw new CellProblem("a timestamp of whole microseconds; Delta has no nanoseconds", value);
      view.setBigInt64(row * 8, value / scale.divide, true);
    }
  };
}

function decimalPut(data: Data, type: Extract<ValueType, { kind: "decimal" }>, view: DataView): Put {
  const limit = 10n ** BigInt(type.width);
  const width = widthOf(type);
  const read = decimalReader(data);
  return (row, position) => {
    const value = read(position);
    if (value >= limit || value <= -limit) throw new CellProblem(`a decimal of ${type.width} digits`, value);
    if (width === 2) view.setInt16(row * 2, Number(value), true);
    else if (width === 4) view.setInt32(row * 4, Number(value), true);
    else view.setBigInt64(row * width, BigInt.asIntN(64, value), true);
    if (width === 16) view.setBigInt64(row * 16 + 8, value >> 64n, true);
  };
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
