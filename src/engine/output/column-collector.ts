import { makeData } from "apache-arrow";
import { Bits } from "../core/bits.ts";
import type { Driver } from "../core/driver.ts";
import { GrowingBytes } from "../core/growing-bytes.ts";
import { sourceSize, vectorBytes } from "../core/native-vector.ts";
import { type ValueType, variantParts } from "../core/value-type.ts";
import { arrowData, typedView } from "./arrow-data.ts";
import { arrowType } from "./arrow-types.ts";
import type { CollectorOf, ColumnCollector } from "./collector.ts";
import { listCollector, mapCollector, structCollector } from "./nested-collector.ts";
import { textCollector } from "./text-collector.ts";

/** Makes the collector of a type; `capacity` values are expected in a batch, more are taken. */
export function columnCollector(driver: Driver, type: ValueType, capacity: number): ColumnCollector {
  const collectorOf: CollectorOf = (below) => columnCollector(driver, below, capacity);
  switch (type.kind) {
    case "null":
      return nullCollector(type);
    case "boolean":
      return booleanCollector(driver, type, capacity);
    case "integer":
      return fixedCollector(driver, type, type.bits / 8, capacity);
    case "float":
    case "date":
      return fixedCollector(driver, type, 4, capacity);
    case "double":
    case "timestamp":
      return fixedCollector(driver, type, 8, capacity);
    case "decimal":
      return decimalCollector(driver, type, capacity);
    case "text":
    case "binary":
      return textCollector(driver, type, capacity);
    case "variant":
      return collectorOf(variantParts);
    case "struct":
      return structCollector(driver, type, capacity, collectorOf);
    case "list":
      return listCollector(driver, type, capacity, collectorOf);
    case "map":
      return mapCollector(driver, type, capacity, collectorOf);
  }
}

function nullCollector(type: ValueType): ColumnCollector {
  let length = 0;
  return {
    append(_vector, count) {
      length += count;
    },
    finish() {
      const data = makeData({ type: arrowType(type), length, nullCount: length });
      length = 0;
      return data;
    },
  };
}

function fixedCollector(driver: Driver, type: ValueType, width: number, capacity: number): ColumnCollector {
  const bits = new Bits(driver, capacity);
  const values = new GrowingBytes(capacity * width);
  const arrow = arrowType(type);
  return {
    append(vector, count, indices) {
      const start = values.extend(count * width);
      const source = vectorBytes(driver, vector, sourceSize(count, indices), width);
      if (indices === undefined) values.bytes.set(source, start);
      else
        for (let row = 0; row < count; row++)
          copyOne(values.bytes, start + row * width, source, (indices[row] ?? 0) * width, width);
      bits.append(vector, count, indices);
    },
    finish() {
      const { bytes, used } = values.take();
      return arrowData(arrow, used / width, bits.take(), { data: typedView(type, bytes, used) });
    },
  };
}

function booleanCollector(driver: Driver, type: ValueType, capacity: number): ColumnCollector {
  const validity = new Bits(driver, capacity);
  const values = new Bits(driver, capacity);
  return {
    append(vector, count, indices) {
      values.pushTruth(vectorBytes(driver, vector, sourceSize(count, indices), 1), count, indices);
      validity.append(vector, count, indices);
    },
    finish() {
      const { bytes, length } = values.take();
      return arrowData(arrowType(type), length, validity.take(), { data: bytes });
    },
  };
}

/** Arrow keeps every decimal in 16 bytes; the engine uses 2, 4 or 8 where the digits fit. */
function decimalCollector(
  driver: Driver,
  type: Extract<ValueType, { kind: "decimal" }>,
  capacity: number,
): ColumnCollector {
  const width = type.width <= 4 ? 2 : type.width <= 9 ? 4 : type.width <= 18 ? 8 : 16;
  if (width === 16) return fixedCollector(driver, type, 16, capacity);
  const bits = new Bits(driver, capacity);
  const values = new GrowingBytes(capacity * 16);
  return {
    append(vector, count, indices) {
      const start = values.extend(count * 16);
      const source = vectorBytes(driver, vector, sourceSize(count, indices), width);
      widen(source, width, new Int32Array(values.bytes.buffer, start, count * 4), count, indices);
      bits.append(vector, count, indices);
    },
    finish() {
      const { bytes, used } = values.take();
      return arrowData(arrowType(type), used / 16, bits.take(), { data: typedView(type, bytes, used) });
    },
  };
}

function widen(
  source: Uint8Array,
  width: number,
  target: Int32Array,
  count: number,
  indices: Uint32Array | undefined,
): void {
  const view = new DataView(source.buffer, source.byteOffset, source.byteLength);
  for (let row = 0; row < count; row++) {
    const from = (indices === undefined ? row : (indices[row] ?? 0)) * width;
    const low = width === 2 ? view.getInt16(from, true) : view.getInt32(from, true);
    const next = width === 8 ? view.getInt32(from + 4, true) : low >> 31;
    target[row * 4] = low;
    target[row * 4 + 1] = next;
    target[row * 4 + 2] = next >> 31;
    target[row * 4 + 3] = next >> 31;
  }
}

function copyOne(target: Uint8Array, to: number, source: Uint8Array, from: number, width: number): void {
  for (let k = 0; k < width; k++) target[to + k] = source[from + k] ?? 0;
}
