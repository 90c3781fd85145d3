import type { ByteCursor } from "./byte-cursor.ts";
import { requireFit } from "./unfit.ts";

/**
 * Reads whole numbers in runs, of one value or of packed bits (the encoding RLE of Parquet: levels and places in
 * a dictionary).
 *
 * @param width bits of a number
 * @param most largest number that is allowed
 */
export function readBitRuns(cursor: ByteCursor, width: number, count: number, most: number): Uint32Array {
  requireFit(width <= 24, "its numbers have too many bits");
  const numbers = new Uint32Array(count);
  let index = 0;
  while (index < count) {
    const head = cursor.varint();
    if (head % 2 === 0) {
      const length = head / 2;
      requireFit(length > 0 && length <= count - index, "a run is longer than its page");
      numbers.fill(
        width === 0 ? 0 : cursor.take((width + 7) >> 3).readUIntLE(0, (width + 7) >> 3),
        index,
        index + length,
      );
      index += length;
    } else index = unpack(cursor, width, numbers, index, ((head - 1) / 2) * 8);
  }
  for (const number of numbers) requireFit(number <= most, "a number is too big");
  return numbers;
}

/** The last of packed numbers may be there to fill up bytes. @returns where the next run begins */
function unpack(
  cursor: ByteCursor,
  width: number,
  numbers: Uint32Array,
  from: number,
  packed: number,
): number {
  requireFit(packed > 0, "a run is empty");
  const bytes = cursor.take((packed * width) / 8);
  const to = Math.min(numbers.length, from + packed);
  const mask = 2 ** width - 1;
  let [bits, held, next] = [0, 0, 0];
  for (let index = from; index < to; index++) {
    while (held < width) {
      bits |= (bytes[next++] ?? 0) << held;
      held += 8;
    }
    numbers[index] = bits & mask;
    bits >>>= width;
    held -= width;
  }
  return to;
}
