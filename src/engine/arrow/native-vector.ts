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
/** Up to this length a loop copies faster than a call. */
const loopBytes = 48;

/**
 * Copies texts (or binaries) of a vector one after the other to a target.
 *
 * A call of the driver for each long text costs a microsecond; texts of one chunk mostly lie side by side in memory, so that neighbours
 * are fetched with one call and split here. Nothing is allocated for a single text.
 */
export class TextReader {
  readonly #driver: Driver;
  readonly #pointer = new ArrayBuffer(8);
  readonly #pointerWords = new Uint32Array(this.#pointer);
  #long = new Int32Array(2048);
  #addresses = new Float64Array(2048);
  #sorted = new Float64Array(2048);

  constructor(driver: Driver) {
    this.#driver = driver;
  }

  /** Copies the values named by `indices`, or the first `count`; nulls have no bytes. */
  copy(handles: Uint8Array, indices: Uint32Array | undefined, count: number, validity: Uint8Array | undefined, sink: TextSink): void {
    const words = new Uint32Array(handles.buffer, handles.byteOffset, handles.byteLength >> 2);
    if (this.#long.length < count) this.#grow(count);
    const { offsets, first, base } = sink.offsets(count);
    const long = this.#long;
    let longs = 0;
    let total = base;
    for (let at = 0; at < count; at++) {
      const index = indices === undefined ? at : (indices[at] ?? 0);
      const length = validity === undefined || isValid(validity, index) ? (words[index * 4] ?? 0) : 0;
      offsets[first + at] = total;
      total += length;
      if (length > inlineBytes) long[longs++] = at;
    }
    offsets[first + count] = total;
    const data = sink.reserve(total - base);
    if (longs < count) copyShort(handles, indices, count, offsets, first, data);
    if (longs > 0) this.#copyLong(words, indices, longs, offsets, first, data);
  }

  #grow(count: number): void {
    this.#long = new Int32Array(count);
    this.#addresses = new Float64Array(count);
    this.#sorted = new Float64Array(count);
  }

  #copyLong(
    words: Uint32Array,
    indices: Uint32Array | undefined,
    longs: number,
    offsets: Int32Array,
    first: number,
    data: Uint8Array,
  ): void {
    const [long, addresses] = [this.#long, this.#addresses];
    let breaks = 0;
    let before = 0;
    for (let k = 0; k < longs; k++) {
      const at = long[k] ?? 0;
      const index = indices === undefined ? at : (indices[at] ?? 0);
      const address = (words[index * 4 + 2] ?? 0) + (words[index * 4 + 3] ?? 0) * 4_294_967_296;
      addresses[k] = address;
      if (address < before || address > before + safeGap) breaks++;
      before = address;
    }
    if (breaks <= 8 + (longs >> 4)) this.#copyInOrder(longs, offsets, first, data);
    else this.#copyByRuns(longs, offsets, first, data);
  }

  /** Addresses rise with the position but for a few breaks, as those of values that were copied one after the other do. */
  #copyInOrder(longs: number, offsets: Int32Array, first: number, data: Uint8Array): void {
    const [long, addresses] = [this.#long, this.#addresses];
    for (let from = 0; from < longs; ) {
      const start = addresses[from] ?? 0;
      let end = start;
      let next = from;
      let isDense = true;
      for (; next < longs; next++) {
        const [at, address] = [long[next] ?? 0, addresses[next] ?? 0];
        const before = addresses[next - 1] ?? 0;
        if (next > from && (address < before || address > before + safeGap)) break;
        if (next > from && (address !== end || at !== (long[next - 1] ?? 0) + 1)) isDense = false;
        end = Math.max(end, address + (offsets[first + at + 1] ?? 0) - (offsets[first + at] ?? 0));
      }
      const run = this.#fetch(start, end - start);
      if (isDense) data.set(run, offsets[first + (long[from] ?? 0)] ?? 0);
      else for (let k = from; k < next; k++) copyOne(run, (addresses[k] ?? 0) - start, offsets, first + (long[k] ?? 0), data);
      from = next;
    }
  }

  /** Addresses in any order, as those of a dictionary's values are: fetches each stretch of memory once. */
  #copyByRuns(longs: number, offsets: Int32Array, first: number, data: Uint8Array): void {
    const [long, addresses] = [this.#long, this.#addresses];
    const sorted = this.#sorted.subarray(0, longs);
    sorted.set(addresses.subarray(0, longs));
    sorted.sort();
    const starts: number[] = [];
    for (let k = 0; k < longs; k++) {
      const address = sorted[k] ?? 0;
      if (k === 0 || address > (sorted[k - 1] ?? 0) + safeGap) starts.push(address);
    }
    const ends = new Float64Array(starts.length);
    for (let k = 0; k < longs; k++) {
      const run = runOf(starts, addresses[k] ?? 0);
      const at = first + (long[k] ?? 0);
      ends[run] = Math.max(ends[run] ?? 0, (addresses[k] ?? 0) + (offsets[at + 1] ?? 0) - (offsets[at] ?? 0));
    }
    const runs = starts.map((start, run) => this.#fetch(start, (ends[run] ?? 0) - start));
    for (let k = 0; k < longs; k++) {
      const address = addresses[k] ?? 0;
      const run = runOf(starts, address);
      const bytes = runs[run];
      if (bytes !== undefined) copyOne(bytes, address - (starts[run] ?? 0), offsets, first + (long[k] ?? 0), data);
    }
  }

  #fetch(address: number, size: number): Uint8Array {
    this.#pointerWords[0] = address % 4_294_967_296;
    this.#pointerWords[1] = Math.floor(address / 4_294_967_296);
    return this.#driver.bindings.get_data_from_pointer(this.#pointer, 0, size);
  }
}

/** Where {@link TextReader} puts what it reads. */
export interface TextSink {
  /** Room for the offsets of `count` values and of their end: at `first` and on; the first value begins at byte `base` of the data. */
  offsets(count: number): { readonly offsets: Int32Array; readonly first: number; readonly base: number };
  /** Room for `bytes` more bytes; all data so far, to be written at the offsets. */
  reserve(bytes: number): Uint8Array;
}

function copyShort(
  handles: Uint8Array,
  indices: Uint32Array | undefined,
  count: number,
  offsets: Int32Array,
  first: number,
  data: Uint8Array,
): void {
  for (let at = 0; at < count; at++) {
    const to = offsets[first + at] ?? 0;
    const length = (offsets[first + at + 1] ?? 0) - to;
    if (length > inlineBytes) continue;
    const from = (indices === undefined ? at : (indices[at] ?? 0)) * 16 + 4;
    for (let k = 0; k < length; k++) data[to + k] = handles[from + k] ?? 0;
  }
}

function copyOne(run: Uint8Array, from: number, offsets: Int32Array, at: number, data: Uint8Array): void {
  const to = offsets[at] ?? 0;
  const length = (offsets[at + 1] ?? 0) - to;
  if (length > loopBytes) data.set(run.subarray(from, from + length), to);
  else for (let k = 0; k < length; k++) data[to + k] = run[from + k] ?? 0;
}

/** The last of the rising `starts` that is not above `address`. */
function runOf(starts: readonly number[], address: number): number {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((starts[middle] ?? 0) <= address) low = middle;
    else high = middle - 1;
  }
  return low;
}
