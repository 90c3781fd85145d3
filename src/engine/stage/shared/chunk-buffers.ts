import type { Vector } from "@duckdb/node-bindings";
import type { Driver } from "../../core/driver.ts";

/** Rows of one data chunk of the engine. */
export const chunkRows = 2048;

/** Which values are not null, one bit each, in the engine's (and Arrow's) order. */
export class Validity {
  #bits = new Uint8Array(chunkRows / 8).fill(255);
  #anyNull = false;

  clear(index: number): void {
    const byte = index >> 3;
    if (byte >= this.#bits.length) {
      const grown = new Uint8Array(Math.max(this.#bits.length * 2, byte + 1)).fill(255);
      grown.set(this.#bits);
      this.#bits = grown;
    }
    this.#bits[byte] = (this.#bits[byte] ?? 255) & ~(1 << (index & 7));
    this.#anyNull = true;
  }

  write({ bindings }: Driver, vector: Vector, count: number): void {
    if (!this.#anyNull) return;
    bindings.vector_ensure_validity_writable(vector);
    const bytes = Math.min((count + 7) >> 3, this.#bits.length);
    bindings.copy_data_to_vector_validity(vector, 0, this.#bits.buffer, 0, bytes);
    this.#bits.fill(255);
    this.#anyNull = false;
  }
}

/**
 * Values of `width` bytes each, growing for nested levels, that may hold more of them than a chunk has rows.
 */
export class FixedData {
  readonly width: number;
  bytes: Uint8Array<ArrayBuffer>;
  view: DataView<ArrayBuffer>;

  constructor(width: number) {
    this.width = width;
    this.bytes = new Uint8Array(chunkRows * width);
    this.view = new DataView(this.bytes.buffer);
  }

  reserve(index: number): void {
    if ((index + 1) * this.width <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, (index + 1) * this.width));
    grown.set(this.bytes);
    this.bytes = grown;
    this.view = new DataView(grown.buffer);
  }

  write({ bindings }: Driver, vector: Vector, count: number): void {
    if (count > 0) bindings.copy_data_to_vector(vector, 0, this.bytes.buffer, 0, count * this.width);
  }
}
