/**
 * Levels of a page, in runs of one level and in runs of packed bits (Parquet's "RLE/Bit-Packing Hybrid").
 *
 * What is missing or impossible is a `RangeError`. Packed runs may be cut after the last level that is needed.
 *
 * @see https://github.com/apache/parquet-format/blob/master/Encodings.md
 */
export class LevelRuns {
  readonly #bytes: Uint8Array;
  /** Bits of a level. */
  readonly #width: number;
  #offset = 0;
  /** Levels of the run that are still to be given. */
  #left = 0;
  /** The level of a run of one; undefined in packed bits. */
  #level: number | undefined;
  /** Bits of the first packed byte that were given. */
  #bit = 0;

  /** @param most the highest level, of at most 255 */
  constructor(bytes: Uint8Array, most: number) {
    this.#bytes = bytes;
    this.#width = 32 - Math.clz32(most);
  }

  /** Fills an array with the next levels, from its start to `count`. */
  fill(levels: Uint8Array, count: number): void {
    for (let filled = 0; filled < count; ) {
      if (this.#left === 0) this.#nextRun();
      const end = filled + Math.min(this.#left, count - filled);
      this.#left -= end - filled;
      if (this.#level === undefined) this.#unpack(levels, filled, end);
      else levels.fill(this.#level, filled, end);
      filled = end;
    }
  }

  #nextRun(): void {
    // packed runs end at a byte, because they have eight levels or a multiple
    let head = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.#bytes[this.#offset++];
      if (byte === undefined) throw new RangeError("ends early");
      head += (byte & 127) * scale;
      if (byte < 128) break;
      if (scale > 2 ** 28) throw new RangeError("has a run of too many levels");
    }
    const length = Math.floor(head / 2);
    this.#bit = 0;
    if (head % 2 === 1) {
      this.#left = length * 8;
      this.#level = undefined;
      return;
    }
    this.#left = length;
    this.#level = this.#bytes[this.#offset++];
    if (this.#level === undefined) throw new RangeError("ends early");
  }

  #unpack(levels: Uint8Array, from: number, to: number): void {
    const width = this.#width;
    const mask = (1 << width) - 1;
    const last = this.#offset + Math.ceil((this.#bit + (to - from) * width) / 8);
    if (last > this.#bytes.length) throw new RangeError("ends early");
    let offset = this.#offset;
    let bit = this.#bit;
    let index = from;
    if (width === 1 && bit === 0)
      for (; index + 8 <= to; index += 8, offset++) {
        const byte = this.#bytes[offset] ?? 0;
        for (let place = 0; place < 8; place++) levels[index + place] = (byte >> place) & 1;
      }
    for (; index < to; index++) {
      const two = (this.#bytes[offset] ?? 0) | ((this.#bytes[offset + 1] ?? 0) << 8);
      levels[index] = (two >> bit) & mask;
      bit += width;
      offset += bit >> 3;
      bit &= 7;
    }
    this.#offset = offset;
    this.#bit = bit;
  }
}
