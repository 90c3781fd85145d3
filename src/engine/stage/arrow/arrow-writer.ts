import { isUtf8 } from "node:buffer";
import type { Vector } from "@duckdb/node-bindings";
import { type Data, DataType, Precision } from "apache-arrow";
import type { Driver } from "../../core/driver.ts";
import type { ValueType } from "../../core/value-type.ts";
import { CellProblem } from "../shared/builder-contract.ts";
import { inlineBytes, layOutBlock } from "../shared/text-block.ts";
import { countsMilliseconds, microsecondsOf } from "./arrow-source.ts";

/** Which values of an Arrow array go into a vector: a range of it, or single positions. */
export interface Picked {
  readonly start: number;
  readonly count: number;
  /** Positions in the array, instead of the range; a negative one is null. */
  readonly positions?: Int32Array | undefined;
}

/**
 * Copies values of an Arrow array into a vector of the type that {@link valueTypeOfArrow} gives. @throws
 * {@link CellProblem}
 */
export function writeArrow(
  driver: Driver,
  vector: Vector,
  data: Data,
  type: ValueType,
  picked: Picked,
): void {
  if (DataType.isDictionary(data.type)) {
    writeDictionary(driver, vector, data, type, picked);
    return;
  }
  writeValidity(driver, vector, data, picked);
  switch (type.kind) {
    case "null":
      return;
    case "text":
    case "binary":
      writeTexts(driver, vector, data, type.kind === "text", picked);
      return;
    case "struct":
      type.fields.forEach((field, at) => {
        const child = data.children[at];
        if (child !== undefined)
          writeArrow(driver, driver.bindings.struct_vector_get_child(vector, at), child, field.type, picked);
      });
      return;
    case "list":
      writeList(driver, vector, data, picked, (child, elements, inner) =>
        writeArrow(driver, child, elements, type.element, inner),
      );
      return;
    case "map":
      writeList(driver, vector, data, picked, (child, entries, inner) => {
        const fields = [type.key, type.value];
        fields.forEach((field, at) => {
          const part = entries.children[at];
          if (part !== undefined)
            writeArrow(driver, driver.bindings.struct_vector_get_child(child, at), part, field, inner);
        });
      });
      return;
    default:
      writeFixed(driver, vector, data, type, picked);
  }
}

/** Position in the array of the value at `at`; -1 for one that is null because its dictionary key is. */
function positionOf(picked: Picked, at: number): number {
  return picked.positions === undefined ? picked.start + at : (picked.positions[at] ?? -1);
}

function writeValidity({ bindings }: Driver, vector: Vector, data: Data, picked: Picked): void {
  const isAllNull = DataType.isNull(data.type);
  if (!isAllNull && data.nullCount === 0 && picked.positions === undefined) return;
  const bits = new Uint8Array(Math.ceil(picked.count / 64) * 8).fill(255);
  let nulls = 0;
  for (let at = 0; at < picked.count; at++) {
    const position = positionOf(picked, at);
    if (!isAllNull && position >= 0 && data.getValid(position)) continue;
    bits[at >> 3] = (bits[at >> 3] ?? 255) & ~(1 << (at & 7));
    nulls++;
  }
  if (nulls === 0) return;
  bindings.vector_ensure_validity_writable(vector);
  bindings.copy_data_to_vector_validity(vector, 0, bits.buffer, 0, bits.byteLength);
}

function writeFixed(driver: Driver, vector: Vector, data: Data, type: ValueType, picked: Picked): void {
  const { values } = data;
  const width = widthOf(type);
  const direct = isSameLayout(data, type) && picked.positions === undefined;
  if (direct) {
    const stride = values.BYTES_PER_ELEMENT * data.stride;
    const from = values.byteOffset + picked.start * stride;
    driver.bindings.copy_data_to_vector(vector, 0, values.buffer, from, picked.count * stride);
    return;
  }
  const view = new DataView(new ArrayBuffer(picked.count * width));
  const put = converter(data, type, view);
  for (let at = 0; at < picked.count; at++) {
    const position = positionOf(picked, at);
    if (position >= 0 && data.getValid(position)) put(at, position);
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

type Put = (at: number, position: number) => void;

function converter(data: Data, type: ValueType, view: DataView): Put {
  const { values } = data;
  switch (type.kind) {
    case "boolean":
      return (at, position) => {
        const bit = data.offset + position;
        view.setUint8(at, ((values[bit >> 3] ?? 0) >> (bit & 7)) & 1);
      };
    case "integer":
      return integerPut(values, type.bits, view);
    case "float": {
      const isHalf = DataType.isFloat(data.type) && data.type.precision === Precision.HALF;
      return (at, position) =>
        view.setFloat32(at * 4, isHalf ? halfFloat(values[position]) : values[position], true);
    }
    case "double":
      return (at, position) => view.setFloat64(at * 8, values[position], true);
    case "date":
      return datePut(data, view);
    case "timestamp":
      return timestampPut(data, view);
    default:
      return type.kind === "decimal" ? decimalPut(data, type, view) : () => undefined;
  }
}

function integerPut(values: Data["values"], bits: 8 | 16 | 32 | 64, view: DataView): Put {
  if (bits === 8) return (at, position) => view.setInt8(at, values[position]);
  if (bits === 16) return (at, position) => view.setInt16(at * 2, values[position], true);
  if (bits === 32) return (at, position) => view.setInt32(at * 4, values[position], true);
  return (at, position) => view.setBigInt64(at * 8, BigInt(values[position]), true);
}

function datePut(data: Data, view: DataView): Put {
  const { values } = data;
  if (!countsMilliseconds(data.type)) return (at, position) => view.setInt32(at * 4, values[position], true);
  return (at, position) => {
    const millis = Number(values[position]);
    if (millis % 86_400_000 !== 0) throw new CellProblem("a date without a time", new Date(millis));
    view.setInt32(at * 4, millis / 86_400_000, true);
  };
}

function timestampPut(data: Data, view: DataView): Put {
  const { values } = data;
  const scale = microsecondsOf(data.type);
  return (at, position) => {
    const value = BigInt(values[position]);
    if ("multiply" in scale) {
      const micros = value * scale.multiply;
      if (BigInt.asIntN(64, micros) !== micros)
        throw new CellProblem("a timestamp that 64 bits of microseconds can hold", value);
      view.setBigInt64(at * 8, micros, true);
    } else {
      if (value % scale.divide !== 0n)
        throw new CellProblem("a timestamp of whole microseconds; Delta has no nanoseconds", value);
      view.setBigInt64(at * 8, value / scale.divide, true);
    }
  };
}

function decimalPut(data: Data, type: Extract<ValueType, { kind: "decimal" }>, view: DataView): Put {
  const limit = 10n ** BigInt(type.width);
  const width = widthOf(type);
  const read = decimalReader(data);
  return (at, position) => {
    const value = read(position);
    if (value >= limit || value <= -limit) throw new CellProblem(`a decimal of ${type.width} digits`, value);
    if (width === 2) view.setInt16(at * 2, Number(value), true);
    else if (width === 4) view.setInt32(at * 4, Number(value), true);
    else view.setBigInt64(at * width, BigInt.asIntN(64, value), true);
    if (width === 16) view.setBigInt64(at * 16 + 8, value >> 64n, true);
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

/** All bytes of the picked values, one after the other, and where each begins. */
function writeTexts(driver: Driver, vector: Vector, data: Data, isText: boolean, picked: Picked): void {
  if (picked.count === 0) return;
  const bytesAt = bytesReader(data);
  const values: Uint8Array[] = [];
  const positions: number[] = [];
  for (let at = 0; at < picked.count; at++) {
    const position = positionOf(picked, at);
    if (position < 0 || !data.getValid(position)) continue;
    const bytes = bytesAt(position);
    if (isText && !isUtf8(bytes)) throw new CellProblem("text in UTF-8", bytes);
    values.push(bytes);
    positions.push(at);
  }
  const handles = new DataView(new ArrayBuffer(picked.count * 16));
  const starts = new Float64Array(values.length + 1);
  for (let at = 0; at < values.length; at++) starts[at + 1] = (starts[at] ?? 0) + (values[at]?.length ?? 0);
  if (positions.length > 0) layOutBlock(driver, vector, handles, Buffer.concat(values), positions, starts);
  driver.bindings.copy_data_to_vector(vector, 0, handles.buffer, 0, handles.byteLength);
}

function bytesReader(data: Data): (position: number) => Uint8Array {
  const { type, values } = data;
  if (DataType.isFixedSizeBinary(type)) {
    return (position) => values.subarray(position * type.byteWidth, (position + 1) * type.byteWidth);
  }
  if (DataType.isUtf8View(type) || DataType.isBinaryView(type)) {
    const view = new DataView(values.buffer, values.byteOffset, values.byteLength);
    return (position) => {
      const length = view.getInt32(position * 16, true);
      if (length <= inlineBytes) return values.subarray(position * 16 + 4, position * 16 + 4 + length);
      const buffer = data.variadicBuffers[view.getInt32(position * 16 + 8, true)] ?? new Uint8Array(0);
      const start = view.getInt32(position * 16 + 12, true);
      return buffer.subarray(start, start + length);
    };
  }
  const offsets: ArrayLike<number | bigint> = data.valueOffsets;
  return (position) => values.subarray(Number(offsets[position]), Number(offsets[position + 1]));
}

type WriteElements = (vector: Vector, elements: Data, picked: Picked) => void;

function writeList(
  driver: Driver,
  vector: Vector,
  data: Data,
  picked: Picked,
  writeElements: WriteElements,
): void {
  const { bindings } = driver;
  const rangeOf = listRanges(data);
  const entries = new Uint32Array(picked.count * 4);
  let total = 0;
  for (let at = 0; at < picked.count; at++) {
    const position = positionOf(picked, at);
    const length = position >= 0 && data.getValid(position) ? rangeOf(position).length : 0;
    entries[at * 4] = total;
    entries[at * 4 + 2] = length;
    total += length;
  }
  const positions = new Int32Array(total);
  for (let at = 0, to = 0; at < picked.count; at++) {
    const length = entries[at * 4 + 2] ?? 0;
    const start = length === 0 ? 0 : rangeOf(positionOf(picked, at)).start;
    for (let k = 0; k < length; k++) positions[to++] = start + k;
  }
  bindings.list_vector_reserve(vector, total);
  bindings.list_vector_set_size(vector, total);
  if (picked.count > 0) bindings.copy_data_to_vector(vector, 0, entries.buffer, 0, entries.byteLength);
  const child = data.children[0];
  if (child !== undefined)
    writeElements(bindings.list_vector_get_child(vector), child, contiguous(positions));
}

/** Positions without gaps are a range, which is copied in one go. */
function contiguous(positions: Int32Array): Picked {
  const start = positions[0] ?? 0;
  const isRange = positions.every((position, at) => position === start + at);
  return isRange ? { start, count: positions.length } : { start: 0, count: positions.length, positions };
}

function listRanges(data: Data): (position: number) => { readonly start: number; readonly length: number } {
  if (DataType.isFixedSizeList(data.type)) {
    const length = data.type.listSize;
    return (position) => ({ start: position * length, length });
  }
  const offsets: ArrayLike<number | bigint> = data.valueOffsets;
  return (position) => {
    const start = Number(offsets[position]);
    return { start, length: Number(offsets[position + 1]) - start };
  };
}

/** Dictionary keys become positions in the dictionary's array. */
function writeDictionary(driver: Driver, vector: Vector, data: Data, type: ValueType, picked: Picked): void {
  const parts = data.dictionary?.data ?? [];
  const [only] = parts;
  if (only === undefined || parts.length !== 1)
    throw new CellProblem("a dictionary of one piece", data.dictionary?.length ?? 0);
  const positions = new Int32Array(picked.count);
  for (let at = 0; at < picked.count; at++) {
    const position = positionOf(picked, at);
    positions[at] = position >= 0 && data.getValid(position) ? Number(data.values[position]) : -1;
  }
  writeArrow(driver, vector, only, type, { start: 0, count: picked.count, positions });
}
