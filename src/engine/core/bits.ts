import type { Vector } from "@duckdb/node-bindings";
import { bitsInByte } from "../../util/count-bits.ts";
import type { Driver } from "./driver.ts";
import { isValid, sourceSize, validityBits } from "./native-vector.ts";

/** What {@link Bits} gathered: `bitmap` is absent where no value is null. */
export interface TakenBits {
  readonly bitmap: Uint8Array | undefined;
  readonly bytes: Uint8Array;
  readonly nulls: number;
  readonly length: number;
}

/** Bits of a growing column, in Arrow's order: which values are not null, or the booleans themselves. */
export class Bits {
  readonly #driver: Driver;
  readonly #capacity: number;
  /** Empty until the first clear bit comes: most columns have no nulls. */
  #bytes = new Uint8Array(0);
  #length = 0;
  #nulls = 0;

  constructor(driver: Driver, capacity: number) {
    this.#driver = driver;
    this.#capacity = capacity;
  }

  /** Appends the null bits of a vector: of its first `count` values, or of those that `indices` names. */
  append(vector: Vector, count: number, indices: Uint32Array | undefined): void {
    this.push(validityBits(this.#driver, vector, sourceSize(count, indices)), count, indices);
  }

  /** As {@link Bits.append}, of bits that were read already; `undefined`: all are set. */
  push(source: Uint8Array | undefined, count: number, indices: Uint32Array | undefined): void {
    if (source === undefined) {
      if (this.#bytes.length > 0) this.#fill(count);
    } else {
      this.#materialize(count);
      if (indices === undefined && (this.#length & 7) === 0) this.#copy(source, count);
      else this.#pick(source, count, indices);
    }
    this.#length += count;
  }

  /** Appends the truth of bytes: 1 is true. */
  pushTruth(source: Uint8Array, count: number, indices: Uint32Array | undefined): void {
    this.#materialize(count);
    const bytes = this.#bytes;
    for (let row = 0, to = this.#length; row < count; row++, to++) {
      if (source[indices === undefined ? row : (indices[row] ?? 0)] === 1)
        bytes[to >> 3] = (bytes[to >> 3] ?? 0) | (1 << (to & 7));
    }
    this.#length += count;
  }

  /** The bits so far; this is empty again afterwards. */
  take(): TakenBits {
    const taken = {
      bitmap: this.#nulls === 0 ? undefined : this.#bytes,
      bytes: this.#bytes,
      nulls: this.#nulls,
      length: this.#length,
    };
    this.#bytes = new Uint8Array(0);
    this.#length = 0;
    this.#nulls = 0;
    return taken;
  }

  /** Makes room for `count` more bits; what came before without being written was all set. */
  #materialize(count: number): void {
    const wasEmpty = this.#bytes.length === 0;
    this.#reserve(count);
    if (!wasEmpty || this.#length === 0) return;
    const before = this.#length;
    this.#length = 0;
    this.#fill(before);
    this.#length = before;
  }

  #reserve(count: number): void {
    const needed = Math.ceil((this.#length + count) / 8) + 8;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, needed, Math.ceil(this.#capacity / 8) + 8));
    grown.set(this.#bytes);
    this.#bytes = grown;
  }

  #fill(count: number): void {
    this.#reserve(count);
    const bytes = this.#bytes;
    let bit = this.#length;
    const end = bit + count;
    for (; bit < end && (bit & 7) !== 0; bit++) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) | (1 << (bit & 7));
    if (bit < end) {
      bytes.fill(255, bit >> 3, end >> 3);
      for (bit = end & ~7; bit < end; bit++) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) | (1 << (bit & 7));
    }
  }

  #copy(source: Uint8Array, count: number): void {
    const from = this.#length >> 3;
    const whole = count >> 3;
    this.#bytes.set(source.subarray(0, whole), from);
    for (let byte = 0; byte < whole; byte++) this.#nulls += 8 - (bitsInByte[source[byte] ?? 0] ?? 0);
    for (let bit = whole * 8; bit < count; bit++) {
      if (isValid(source, bit))
        this.#bytes[from + whole] = (this.#bytes[from + whole] ?? 0) | (1 << (bit & 7));
      else this.#nulls++;
    }
  }

  #pick(source: Uint8Array, count: number, indices: Uint32Array | undefined): void {
    for (let row = 0, to = this.#length; row < count; row++, to++) {
      if (isValid(source, indices === undefined ? row : (indices[row] ?? 0))) {
        this.#bytes[to >> 3] = (this.#bytes[to >> 3] ?? 0) | (1 << (to & 7));
      } else this.#nulls++;
    }
  }
}
