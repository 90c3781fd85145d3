import type { Vector } from "@duckdb/node-bindings";
import type { Driver } from "../driver.ts";

/** Bytes of `count` fixed-width values of a vector, without a copy; valid while its chunk lives. */
export function vectorBytes({ bindings }: Driver, vector: Vector, count: number, width: number): Uint8Array {
  return count === 0 ? new Uint8Array(0) : bindings.vector_get_data(vector, count * width);
}

/** Bits that say which of `count` values are not null, in Arrow's order; undefined where none is null. */
export function validityBits({ bindings }: Driver, vector: Vector, count: number): Uint8Array | undefined {
  return count === 0 ? undefined : (bindings.vector_get_validity(vector, Math.ceil(count / 64) * 8) ?? undefined);
}

export function isValid(bits: Uint8Array | undefined, index: number): boolean {
  return bits === undefined || ((bits[index >> 3] ?? 0) & (1 << (index & 7))) !== 0;
}

/** Longest text that the engine keeps inside its 16-byte handle; longer ones are behind a pointer in the last eight bytes. */
const inlineBytes = 12;
/** Two valid addresses nearer than a page of memory have no page between them that could be unmapped. */
const safeGap = 4000;

/**
 * Copies texts (or binaries) of a vector one after the other to `target`, which `reserve` makes large enough.
 *
 * A call of the driver for each long text costs a microsecond; texts of one chunk mostly lie side by side in memory, so that neighbours
 * are fetched with one call and split here.
 */
export class TextReader {
  readonly #driver: Driver;
  readonly #pointer = new ArrayBuffer(8);
  readonly #pointerWords = new Uint32Array(this.#pointer);

  constructor(driver: Driver) {
    this.#driver = driver;
  }

  /** Length in bytes of each handle named by `indices` (or of the first `count`); nulls have none. */
  copy(handles: Uint8Array, indices: Uint32Array | undefined, count: number, validity: Uint8Array | undefined, sink: TextSink): void {
    const words = new Uint32Array(handles.buffer, handles.byteOffset, handles.byteLength >> 2);
    const bytes = handles;
    const long: number[] = [];
    let total = 0;
    for (let at = 0; at < count; at++) {
      const index = indices === undefined ? at : (indices[at] ?? 0);
      const length = isValid(validity, index) ? (words[index * 4] ?? 0) : 0;
      sink.offset(at, total);
      total += length;
      if (length > inlineBytes) long.push(at);
    }
    sink.offset(count, total);
    const target = sink.reserve(total);
    if (long.length < count) this.#copyShort(bytes, words, indices, count, validity, target);
    if (long.length > 0) this.#copyLong(words, indices, long, target);
  }

  #copyShort(
    bytes: Uint8Array,
    words: Uint32Array,
    indices: Uint32Array | undefined,
    count: number,
    validity: Uint8Array | undefined,
    target: TextTarget,
  ): void {
    const { data, start } = target;
    let to = start;
    for (let at = 0; at < count; at++) {
      const index = indices === undefined ? at : (indices[at] ?? 0);
      if (!isValid(validity, index)) continue;
      const length = words[index * 4] ?? 0;
      if (length > inlineBytes) {
        to += length;
        continue;
      }
      const from = index * 16 + 4;
      for (let k = 0; k < length; k++) data[to + k] = bytes[from + k] ?? 0;
      to += length;
    }
  }

  #copyLong(words: Uint32Array, indices: Uint32Array | undefined, long: readonly number[], target: TextTarget): void {
    const addresses = new Float64Array(long.length);
    const lengths = new Uint32Array(long.length);
    const order = new Uint32Array(long.length);
    let sorted = true;
    for (let k = 0; k < long.length; k++) {
      const at = long[k] ?? 0;
      const index = indices === undefined ? at : (indices[at] ?? 0);
      addresses[k] = (words[index * 4 + 2] ?? 0) + (words[index * 4 + 3] ?? 0) * 4_294_967_296;
      lengths[k] = words[index * 4] ?? 0;
      order[k] = k;
      if (k > 0 && (addresses[k] ?? 0) < (addresses[k - 1] ?? 0)) sorted = false;
    }
    if (!sorted) order.sort((left, right) => (addresses[left] ?? 0) - (addresses[right] ?? 0));
    let first = 0;
    while (first < order.length) {
      const start = addresses[order[first] ?? 0] ?? 0;
      let end = start + (lengths[order[first] ?? 0] ?? 0);
      let next = first + 1;
      for (; next < order.length; next++) {
        const address = addresses[order[next] ?? 0] ?? 0;
        if (address > end + safeGap) break;
        end = Math.max(end, address + (lengths[order[next] ?? 0] ?? 0));
      }
      this.#copyRun(start, end - start, order.subarray(first, next), addresses, lengths, long, target);
      first = next;
    }
  }

  #copyRun(
    start: number,
    size: number,
    order: Uint32Array,
    addresses: Float64Array,
    lengths: Uint32Array,
    long: readonly number[],
    target: TextTarget,
  ): void {
    this.#pointerWords[0] = start % 4_294_967_296;
    this.#pointerWords[1] = Math.floor(start / 4_294_967_296);
    const run = this.#driver.bindings.get_data_from_pointer(this.#pointer, 0, size);
    const { data, offsets } = target;
    for (let k = 0; k < order.length; ) {
      // Neighbours in memory that are neighbours in the result are copied together.
      const one = order[k] ?? 0;
      let length = lengths[one] ?? 0;
      let last = one;
      let next = k + 1;
      for (; next < order.length; next++) {
        const candidate = order[next] ?? 0;
        const follows = (long[candidate] ?? 0) === (long[last] ?? 0) + 1 && addresses[candidate] === (addresses[one] ?? 0) + length;
        if (!follows) break;
        length += lengths[candidate] ?? 0;
        last = candidate;
      }
      const from = (addresses[one] ?? 0) - start;
      data.set(run.subarray(from, from + length), offsets(long[one] ?? 0));
      k = next;
    }
  }
}

/** Where {@link TextReader} puts what it reads. */
export interface TextSink {
  /** Takes the start of the value at `at`, counted from this call's first byte; `at` equal to the count is the end. */
  offset(at: number, bytes: number): void;
  /** Room for `bytes` more bytes. */
  reserve(bytes: number): TextTarget;
}

export interface TextTarget {
  readonly data: Uint8Array;
  /** Where this call's bytes begin. */
  readonly start: number;
  /** Where the value at a position of this call begins in `data`. */
  readonly offsets: (at: number) => number;
}
