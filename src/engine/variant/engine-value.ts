import { encodeArray, encodeObject, encodeText, littleEndian } from "./variant-bytes.ts";

/**
 * The value of a variant that DuckDB's `variant_to_parquet_variant` encoded, as VariantEncoding.md has it.
 * The engine gets two things wrong: fields come in the order in which they were made, instead of that of
 * their names; and a text of 64 bytes comes as a short one, whose header has room for 63, so that it reads as
 * empty. (The engine lays values out without gaps: the text is told from an empty one by where the next value
 * is.)
 *
 * @returns `value` itself where nothing is wrong
 */
export function mendedValue(metadata: Uint8Array, value: Uint8Array): Uint8Array {
  return new EngineValue(metadata, value).mended(0, value.length);
}

/** Header of a short text whose length is 0, and of one whose length is 64. */
const shortTextOfNone = 1;
const textBytes = 64;

class EngineValue {
  readonly #metadata: Uint8Array;
  readonly #bytes: Uint8Array;

  constructor(metadata: Uint8Array, bytes: Uint8Array) {
    this.#metadata = metadata;
    this.#bytes = bytes;
  }

  /** The value between two places, whose bytes are shared where nothing is wrong. */
  mended(from: number, to: number): Uint8Array {
    return this.#isSound(from, to) ? this.#bytes.subarray(from, to) : this.#encoded(from, to);
  }

  #isSound(from: number, to: number): boolean {
    const head = this.#bytes[from] ?? 0;
    if (head === shortTextOfNone) return to - from <= textBytes;
    const basic = head & 3;
    if (basic < 2) return true;
    const { count, ids, idSize, offsets, offsetSize, data } = this.#layout(head, from);
    let start = data;
    for (let index = 0; index < count; index++) {
      const end = data + this.#number(offsets + (index + 1) * offsetSize, offsetSize);
      if (!this.#isSound(start, end)) return false;
      start = end;
    }
    for (let index = 1; basic === 2 && index < count; index++) {
      const id = ids + index * idSize;
      if (this.#compareNames(this.#number(id - idSize, idSize), this.#number(id, idSize)) > 0) return false;
    }
    return true;
  }

  #encoded(from: number, to: number): Uint8Array {
    const head = this.#bytes[from] ?? 0;
    if ((head & 3) === 1) return encodeText(this.#bytes.subarray(from + 1, to));
    const { count, ids, idSize, offsets, offsetSize, data } = this.#layout(head, from);
    const place = (index: number) => data + this.#number(offsets + index * offsetSize, offsetSize);
    const items = Array.from({ length: count }, (_, index) => this.mended(place(index), place(index + 1)));
    if ((head & 3) === 3) return encodeArray(items);
    const fields = items.map((item, index) => {
      const id = this.#number(ids + index * idSize, idSize);
      const [start, end] = this.#name(id);
      return { id, name: this.#metadata.subarray(start, end), item };
    });
    return encodeObject(fields);
  }

  /** Where the parts of an object or array are. */
  #layout(head: number, from: number) {
    const isObject = (head & 3) === 2;
    const offsetSize = ((head >> 2) & 3) + 1;
    const idSize = isObject ? ((head >> 4) & 3) + 1 : 0;
    const countSize = (head & (isObject ? 64 : 16)) === 0 ? 1 : 4;
    const count = this.#number(from + 1, countSize);
    const ids = from + 1 + countSize;
    const offsets = ids + count * idSize;
    return { count, ids, idSize, offsets, offsetSize, data: offsets + (count + 1) * offsetSize };
  }

  #number(from: number, size: number): number {
    return littleEndian(this.#bytes, from, size);
  }

  #compareNames(one: number, other: number): number {
    const [from, to] = this.#name(one);
    const [otherFrom, otherTo] = this.#name(other);
    const length = Math.min(to - from, otherTo - otherFrom);
    for (let index = 0; index < length; index++) {
      const difference = (this.#metadata[from + index] ?? 0) - (this.#metadata[otherFrom + index] ?? 0);
      if (difference !== 0) return difference;
    }
    return to - from - (otherTo - otherFrom);
  }

  /** Where a name begins and ends. */
  #name(id: number): [number, number] {
    const size = ((this.#metadata[0] ?? 0) >> 6) + 1;
    const count = littleEndian(this.#metadata, 1, size);
    const offset = 1 + size + id * size;
    const names = 1 + size + (count + 1) * size;
    return [
      names + littleEndian(this.#metadata, offset, size),
      names + littleEndian(this.#metadata, offset + size, size),
    ];
  }
}
