import type { DataChunk, Vector } from "@duckdb/node-bindings";
import type { Driver } from "../core/driver.ts";
import { isValid, validityBits, vectorBytes } from "../core/native-vector.ts";
import { layOutValues } from "../core/text-block.ts";
import { TextReader } from "../core/text-reader.ts";

/** Bytes that are read at a time, unless one row has more. */
const blockBytes = 2 ** 23;
/** What a {@link TextReader} may spoil after the last value. */
const slackBytes = 16;

/** What is made of two binary values; null for NULL. */
export type PairResult = string | Uint8Array | null;

/**
 * Fills a vector of texts or binary values with what a function makes of the first two columns of a chunk,
 * which are binary: NULL where either is. Values are moved in blocks, because a call of the driver for each
 * would cost more than the function.
 */
export class BinaryPairs {
  readonly #driver: Driver;
  readonly #of: (first: Uint8Array, second: Uint8Array) => PairResult;
  readonly #readers: readonly [ColumnReader, ColumnReader];

  constructor(driver: Driver, of: (first: Uint8Array, second: Uint8Array) => PairResult) {
    this.#driver = driver;
    this.#of = of;
    this.#readers = [new ColumnReader(driver), new ColumnReader(driver)];
  }

  fill(input: DataChunk, output: Vector): void {
    const { bindings } = this.#driver;
    const count = bindings.data_chunk_get_size(input);
    const [first, second] = this.#readers;
    first.open(bindings.data_chunk_get_vector(input, 0), count);
    second.open(bindings.data_chunk_get_vector(input, 1), count);
    const handles = new DataView(new ArrayBuffer(count * 16));
    const valid = new Uint8Array((count + 7) >> 3);
    for (let from = 0; from < count; ) {
      let bytes = 0;
      let to = from;
      do bytes += first.size(to) + second.size(to);
      while (++to < count && bytes < blockBytes);
      first.read(from, to);
      second.read(from, to);
      const values: Uint8Array[] = [];
      const positions: number[] = [];
      for (let row = from; row < to; row++) {
        const result =
          first.isValid(row) && second.isValid(row) ? this.#of(first.value(row), second.value(row)) : null;
        if (result === null) continue;
        valid[row >> 3] = (valid[row >> 3] ?? 0) | (1 << (row & 7));
        values.push(typeof result === "string" ? Buffer.from(result) : result);
        positions.push(row);
      }
      layOutValues(this.#driver, { vector: output, handles }, values, positions);
      from = to;
    }
    bindings.copy_data_to_vector(output, 0, handles.buffer, 0, handles.byteLength);
    bindings.vector_ensure_validity_writable(output);
    bindings.copy_data_to_vector_validity(output, 0, valid.buffer, 0, valid.length);
  }
}

/** Gives binary values of a vector as views of one buffer, which the next rows that are read overwrite. */
class ColumnReader {
  readonly #driver: Driver;
  readonly #reader: TextReader;
  #handles: Uint8Array = new Uint8Array(0);
  #lengths: Uint32Array = new Uint32Array(0);
  #validity: Uint8Array | undefined;
  #offsets = new Int32Array(2049);
  #bytes = Buffer.alloc(0);
  #from = 0;

  constructor(driver: Driver) {
    this.#driver = driver;
    this.#reader = new TextReader(driver);
  }

  open(vector: Vector, count: number): void {
    this.#handles = vectorBytes(this.#driver, vector, count, 16);
    this.#lengths = new Uint32Array(this.#handles.buffer, this.#handles.byteOffset, count * 4);
    this.#validity = validityBits(this.#driver, vector, count);
  }

  isValid(row: number): boolean {
    return isValid(this.#validity, row);
  }

  size(row: number): number {
    return this.isValid(row) ? (this.#lengths[row * 4] ?? 0) : 0;
  }

  read(from: number, to: number): void {
    const rows = Uint32Array.from({ length: to - from }, (_, index) => from + index);
    this.#from = from;
    this.#reader.copy(this.#handles, rows, rows.length, this.#validity, {
      offsets: (count) => {
        if (this.#offsets.length <= count) this.#offsets = new Int32Array(count + 1);
        return { offsets: this.#offsets, first: 0, base: 0 };
      },
      reserve: (size) => {
        if (this.#bytes.length < size + slackBytes) this.#bytes = Buffer.allocUnsafeSlow(size + slackBytes);
        return this.#bytes;
      },
    });
  }

  value(row: number): Uint8Array {
    const index = row - this.#from;
    return this.#bytes.subarray(this.#offsets[index] ?? 0, this.#offsets[index + 1] ?? 0);
  }
}
