import { Bits } from "../core/bits.ts";
import type { Driver } from "../core/driver.ts";
import { GrowingBytes } from "../core/growing-bytes.ts";
import { sourceSize, validityBits, vectorBytes } from "../core/native-vector.ts";
import { TextReader } from "../core/text-reader.ts";
import type { ValueType } from "../core/value-type.ts";
import { arrowData, grownOffsets } from "./arrow-data.ts";
import { arrowType } from "./arrow-types.ts";
import type { ColumnCollector } from "./collector.ts";

/** Gathers texts and binaries: their bytes one after the other, and where each begins. */
export function textCollector(driver: Driver, type: ValueType, capacity: number): ColumnCollector {
  const bits = new Bits(driver, capacity);
  const bytes = new GrowingBytes(capacity * 8);
  const reader = new TextReader(driver);
  let offsets = new Int32Array(capacity + 1);
  let length = 0;
  return {
    append(vector, count, indices) {
      const size = sourceSize(count, indices);
      const validity = validityBits(driver, vector, size);
      reader.copy(vectorBytes(driver, vector, size, 16), indices, count, validity, {
        offsets: () => {
          offsets = grownOffsets(offsets, length + count + 1);
          return { offsets, first: length, base: bytes.used };
        },
        reserve: (more) => {
          bytes.extend(more);
          return bytes.bytes;
        },
      });
      length += count;
      bits.push(validity, count, indices);
    },
    finish() {
      const taken = bytes.take();
      const valueOffsets = offsets.subarray(0, length + 1);
      const data = arrowData(arrowType(type), length, bits.take(), {
        valueOffsets,
        data: taken.bytes.subarray(0, taken.used),
      });
      offsets = new Int32Array(capacity + 1);
      length = 0;
      return data;
    },
  };
}
