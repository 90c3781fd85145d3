import { isAscii } from "node:buffer";
import type * as NodeApi from "@duckdb/node-api";
import type { Vector } from "@duckdb/node-bindings";
import type { EngineValue } from "./contract.ts";
import type { Driver } from "./driver.ts";
import { markedType } from "./marked-names.ts";
import { isValid, validityBits, vectorBytes } from "./native-vector.ts";
import { plainConverter } from "./plain-values.ts";
import { dateText, timestampText } from "./temporal-text.ts";
import { TextReader } from "./text-reader.ts";
import { type ValueType, valueType } from "./value-type.ts";

/** Yields the values of one column of a chunk, in the order of its rows. */
export type ColumnValues = (chunk: NodeApi.DuckDBDataChunk) => readonly EngineValue[];

/**
 * Makes the readers of a result's columns: flat ones straight from the engine's memory, a column at a time,
 * nested and rare ones by the driver.
 *
 * The values are what {@link plainConverter} makes of the driver's.
 */
export function columnReaders(driver: Driver, types: readonly NodeApi.DuckDBType[]): ColumnValues[] {
  const converter = plainConverter(driver);
  return types.map((type, column) => {
    const known = valueType(driver, type);
    const read = known === undefined ? undefined : flatReader(driver, known);
    if (read === undefined) return driverReader(driver, type, column, converter);
    return (chunk) => read(driver.bindings.data_chunk_get_vector(chunk.chunk, column), chunk.rowCount);
  });
}

function driverReader(
  { api, bindings }: Driver,
  type: NodeApi.DuckDBType,
  column: number,
  converter: NodeApi.DuckDBValueConverter<EngineValue>,
): ColumnValues {
  const marked = markedType(api, type);
  if (marked === type)
    return (chunk) => chunk.convertColumnValues(column, converter).map((value) => value ?? null);
  return (chunk) => {
    const native = bindings.data_chunk_get_vector(chunk.chunk, column);
    const vector = api.DuckDBVector.create(native, chunk.rowCount, marked);
    return Array.from(
      { length: chunk.rowCount },
      (_, row) => converter(vector.getItem(row), marked, converter) ?? null,
    );
  };
}

type FlatReader = (vector: Vector, count: number) => EngineValue[];

function flatReader(driver: Driver, type: ValueType): FlatReader | undefined {
  switch (type.kind) {
    case "boolean":
      return fixedReader(driver, 1, (data, offset) => data.getUint8(offset) === 1);
    case "integer":
      return fixedReader(driver, type.bits / 8, integerAt[type.bits]);
    case "float":
      return fixedReader(driver, 4, (data, offset) => data.getFloat32(offset, true));
    case "double":
      return fixedReader(driver, 8, (data, offset) => data.getFloat64(offset, true));
    case "date":
      return fixedReader(driver, 4, (data, offset) => dateText(data.getInt32(offset, true)));
    case "timestamp": {
      const zone = type.zoned ? "Z" : "";
      return fixedReader(driver, 8, (data, offset) => timestampText(data.getBigInt64(offset, true), zone));
    }
    case "text":
      return textReader(driver);
    default:
      return undefined;
  }
}

const integerAt: Readonly<Record<8 | 16 | 32 | 64, (data: DataView, offset: number) => EngineValue>> = {
  8: (data, offset) => data.getInt8(offset),
  16: (data, offset) => data.getInt16(offset, true),
  32: (data, offset) => data.getInt32(offset, true),
  64: (data, offset) => data.getBigInt64(offset, true),
};

function fixedReader(
  driver: Driver,
  width: number,
  valueAt: (data: DataView, offset: number) => EngineValue,
): FlatReader {
  return (vector, count) => {
    const bytes = vectorBytes(driver, vector, count, width);
    const validity = validityBits(driver, vector, count);
    const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const values = new Array<EngineValue>(count);
    for (let row = 0; row < count; row++)
      values[row] = isValid(validity, row) ? valueAt(data, row * width) : null;
    return values;
  };
}

/** Up to here the texts of a chunk are cut out of one: whoever keeps one of them keeps them all. */
const cutBytes = 64 * 1024;

function textReader(driver: Driver): FlatReader {
  const reader = new TextReader(driver);
  let offsets = new Int32Array(2049);
  let buffer = Buffer.allocUnsafeSlow(cutBytes);
  const sink = {
    offsets: (count: number) => {
      if (offsets.length <= count) offsets = new Int32Array(count + 1);
      return { offsets, first: 0, base: 0 };
    },
    reserve: (size: number) => {
      if (buffer.length < size + slack) buffer = Buffer.allocUnsafeSlow(size + slack);
      return buffer;
    },
  };
  return (vector, count) => {
    const validity = validityBits(driver, vector, count);
    reader.copy(vectorBytes(driver, vector, count, 16), undefined, count, validity, sink);
    const size = offsets[count] ?? 0;
    const ascii = isAscii(buffer.subarray(0, size));
    const whole = ascii && size <= cutBytes ? buffer.toString("latin1", 0, size) : undefined;
    const values = new Array<EngineValue>(count);
    for (let row = 0; row < count; row++) {
      const [from, to] = [offsets[row] ?? 0, offsets[row + 1] ?? 0];
      if (!isValid(validity, row)) values[row] = null;
      else if (whole !== undefined) values[row] = whole.substring(from, to);
      else values[row] = ascii ? buffer.toString("latin1", from, to) : buffer.toString("utf8", from, to);
    }
    return values;
  };
}

/** What the reader may spoil after the last text. */
const slack = 16;
