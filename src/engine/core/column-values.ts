import { isAscii } from "node:buffer";
import type * as NodeApi from "@duckdb/node-api";
import type { Vector } from "@duckdb/node-bindings";
import type { EngineValue } from "./contract.ts";
import type { Driver } from "./driver.ts";
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
  return types.map((type, at) => {
    const known = valueType(driver, type);
    const read = known === undefined ? undefined : flatReader(driver, known);
    if (read === undefined)
      return (chunk) => chunk.convertColumnValues(at, converter).map((value) => value ?? null);
    return (chunk) => read(driver.bindings.data_chunk_get_vector(chunk.chunk, at), chunk.rowCount);
  });
}

type FlatReader = (vector: Vector, count: number) => EngineValue[];

function flatReader(driver: Driver, type: ValueType): FlatReader | undefined {
  switch (type.kind) {
    case "boolean":
      return fixedReader(driver, 1, (data, at) => data.getUint8(at) === 1);
    case "integer":
      return fixedReader(driver, type.bits / 8, integerAt[type.bits]);
    case "float":
      return fixedReader(driver, 4, (data, at) => data.getFloat32(at, true));
    case "double":
      return fixedReader(driver, 8, (data, at) => data.getFloat64(at, true));
    case "date":
      return fixedReader(driver, 4, (data, at) => dateText(data.getInt32(at, true)));
    case "timestamp": {
      const zone = type.zoned ? "Z" : "";
      return fixedReader(driver, 8, (data, at) => timestampText(data.getBigInt64(at, true), zone));
    }
    case "text":
      return textReader(driver);
    default:
      return undefined;
  }
}

const integerAt: Readonly<Record<8 | 16 | 32 | 64, (data: DataView, at: number) => EngineValue>> = {
  8: (data, at) => data.getInt8(at),
  16: (data, at) => data.getInt16(at, true),
  32: (data, at) => data.getInt32(at, true),
  64: (data, at) => data.getBigInt64(at, true),
};

function fixedReader(
  driver: Driver,
  width: number,
  valueAt: (data: DataView, at: number) => EngineValue,
): FlatReader {
  return (vector, count) => {
    const bytes = vectorBytes(driver, vector, count, width);
    const validity = validityBits(driver, vector, count);
    const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const values = new Array<EngineValue>(count);
    for (let at = 0; at < count; at++) values[at] = isValid(validity, at) ? valueAt(data, at * width) : null;
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
    for (let at = 0; at < count; at++) {
      const [from, to] = [offsets[at] ?? 0, offsets[at + 1] ?? 0];
      if (!isValid(validity, at)) values[at] = null;
      else if (whole !== undefined) values[at] = whole.substring(from, to);
      else values[at] = ascii ? buffer.toString("latin1", from, to) : buffer.toString("utf8", from, to);
    }
    return values;
  };
}

/** What the reader may spoil after the last text. */
const slack = 16;
