import type { Driver } from "./driver.ts";
import { inlineBytes, isValid } from "./native-vector.ts";

/** Two valid addresses nearer than a page of memory have no page between them that could be unmapped. */
const safeGap = 4000;
/** Up to this length a loop copies faster than a call. */
const loopBytes = 128;

/**
 * Copies texts (or binaries) of a vector one after the other to a target.
 *
 * A call of the driver for each long text costs a microsecond; texts of one chunk mostly lie side by side in
 * memory, so that neighbours are fetched with one call and split here. Nothing is allocated for a single
 * text.
 */
export class TextReader {
  readonly #driver: Driver;
  readonly #pointer = new ArrayBuffer(8);
  readonly #pointerWords = new Uint32Array(this.#pointer);
  #long = new Int32Array(2048);
  #addresses = new Float64Array(2048);
  #sorted = new Float64Array(2048);
  /**
   * Where stretches of texts that lie end to end begin: some in every chunk, because its texts are kept in a
   * few blocks.
   */
  readonly #stretches = new Int32Array(64);

  constructor(driver: Driver) {
    this.#driver = driver;
  }

  /** Copies the values named by `indices`, or the first `count`; nulls have no bytes. */
  copy(
    handles: Uint8Array,
    indices: Uint32Array | undefined,
    count: number,
    validity: Uint8Array | undefined,
    sink: TextSink,
  ): void {
    const words = new Uint32Array(handles.buffer, handles.byteOffset, handles.byteLength >> 2);
    if (this.#long.length < count) this.#grow(count);
    const { offsets, first, base } = sink.offsets(count);
    const long = this.#long;
    let longs = 0;
    let total = base;
    for (let row = 0; row < count; row++) {
      const index = indices === undefined ? row : (indices[row] ?? 0);
      const length = validity === undefined || isValid(validity, index) ? (words[index * 4] ?? 0) : 0;
      offsets[first + row] = total;
      total += length;
      if (length > inlineBytes) long[longs++] = row;
    }
    offsets[first + count] = total;
    const data = sink.reserve(total - base);
    const target = new DataView(data.buffer, data.byteOffset, data.byteLength);
    // Short texts first: their last word may run into what follows.
    if (longs < count) copyShort(words, indices, count, offsets, first, target);
    if (longs === 0) return;
    if (longs === count && indices === undefined && this.#copyStretches(words, count, offsets, first, data))
      return;
    this.#copyLong(words, indices, longs, offsets, first, target);
  }

  #grow(count: number): void {
    this.#long = new Int32Array(count);
    this.#addresses = new Float64Array(count);
    this.#sorted = new Float64Array(count);
  }

  /**
   * Copies long texts that lie in memory as they will lie in the target, but for a few breaks; false where
   * there are many.
   */
  #copyStretches(
    words: Uint32Array,
    count: number,
    offsets: Int32Array,
    first: number,
    data: Uint8Array,
  ): boolean {
    const starts = this.#stretches;
    let stretches = 0;
    let next = -1;
    let high = 0;
    for (let row = 0; row < count; row++) {
      const low = words[row * 4 + 2] ?? 0;
      if (low !== next || words[row * 4 + 3] !== high) {
        if (stretches === starts.length) return false;
        starts[stretches++] = row;
        high = words[row * 4 + 3] ?? 0;
      }
      next = low + (words[row * 4] ?? 0);
    }
    for (let k = 0; k < stretches; k++) {
      const from = starts[k] ?? 0;
      const to = offsets[first + from] ?? 0;
      const size = (offsets[first + (k + 1 < stretches ? (starts[k + 1] ?? 0) : count)] ?? 0) - to;
      data.set(
        this.#fetch((words[from * 4 + 2] ?? 0) + (words[from * 4 + 3] ?? 0) * 4_294_967_296, size),
        to,
      );
    }
    return true;
  }

  #copyLong(
    words: Uint32Array,
    indices: Uint32Array | undefined,
    longs: number,
    offsets: Int32Array,
    first: number,
    target: DataView,
  ): void {
    const [long, addresses] = [this.#long, this.#addresses];
    let breaks = 0;
    let before = 0;
    for (let k = 0; k < longs; k++) {
      const row = long[k] ?? 0;
      const index = indices === undefined ? row : (indices[row] ?? 0);
      const address = (words[index * 4 + 2] ?? 0) + (words[index * 4 + 3] ?? 0) * 4_294_967_296;
      addresses[k] = address;
      if (address < before || address > before + safeGap) breaks++;
      before = address;
    }
    if (breaks <= 8 + (longs >> 4)) this.#copyInOrder(longs, offsets, first, target);
    else this.#copyByRuns(longs, offsets, first, target);
  }

  /**
   * Addresses rise with the position but for a few breaks, as those of values that were copied one after the
   * other do.
   */
  #copyInOrder(longs: number, offsets: Int32Array, first: number, target: DataView): void {
    const [long, addresses] = [this.#long, this.#addresses];
    for (let from = 0; from < longs; ) {
      const start = addresses[from] ?? 0;
      let end = start;
      let next = from;
      for (; next < longs; next++) {
        const [row, address] = [long[next] ?? 0, addresses[next] ?? 0];
        const before = addresses[next - 1] ?? 0;
        if (next > from && (address < before || address > before + safeGap)) break;
        end = Math.max(end, address + (offsets[first + row + 1] ?? 0) - (offsets[first + row] ?? 0));
      }
      const run = this.#fetch(start, end - start);
      const source = viewOf(run);
      for (let k = from; k < next; k++)
        copyOne(source, (addresses[k] ?? 0) - start, offsets, first + (long[k] ?? 0), target);
      from = next;
    }
  }

  /** Addresses in any order, as those of a dictionary's values are: fetches each stretch of memory once. */
  #copyByRuns(longs: number, offsets: Int32Array, first: number, target: DataView): void {
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
      const position = first + (long[k] ?? 0);
      ends[run] = Math.max(
        ends[run] ?? 0,
        (addresses[k] ?? 0) + (offsets[position + 1] ?? 0) - (offsets[position] ?? 0),
      );
    }
    const runs = starts.map((start, run) => viewOf(this.#fetch(start, (ends[run] ?? 0) - start)));
    for (let k = 0; k < longs; k++) {
      const address = addresses[k] ?? 0;
      const run = runOf(starts, address);
      const source = runs[run];
      if (source !== undefined)
        copyOne(source, address - (starts[run] ?? 0), offsets, first + (long[k] ?? 0), target);
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
  /**
   * Room for the offsets of `count` values and of their end: at `first` and on; the first value begins at
   * byte `base` of the data.
   */
  offsets(count: number): { readonly offsets: Int32Array; readonly first: number; readonly base: number };
  /**
   * Room for `bytes` more bytes and sixteen to be spoilt after them; all data so far, to be written at the
   * offsets.
   */
  reserve(bytes: number): Uint8Array;
}

/** Copies all twelve bytes of each short text; what is too much is overwritten by the texts after it. */
function copyShort(
  words: Uint32Array,
  indices: Uint32Array | undefined,
  count: number,
  offsets: Int32Array,
  first: number,
  target: DataView,
): void {
  for (let row = 0; row < count; row++) {
    const to = offsets[first + row] ?? 0;
    const length = (offsets[first + row + 1] ?? 0) - to;
    if (length === 0 || length > inlineBytes) continue;
    const from = (indices === undefined ? row : (indices[row] ?? 0)) * 4;
    target.setUint32(to, words[from + 1] ?? 0, true);
    if (length <= 4) continue;
    target.setUint32(to + 4, words[from + 2] ?? 0, true);
    if (length > 8) target.setUint32(to + 8, words[from + 3] ?? 0, true);
  }
}

/** Copies exactly one text, because the short ones around it are in their places already. */
function copyOne(
  source: DataView,
  from: number,
  offsets: Int32Array,
  position: number,
  target: DataView,
): void {
  const to = offsets[position] ?? 0;
  const length = (offsets[position + 1] ?? 0) - to;
  if (length > loopBytes) {
    bytesOf(target).set(bytesOf(source).subarray(from, from + length), to);
    return;
  }
  let done = 0;
  for (; done + 4 <= length; done += 4)
    target.setUint32(to + done, source.getUint32(from + done, true), true);
  for (; done < length; done++) target.setUint8(to + done, source.getUint8(from + done));
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function bytesOf(view: DataView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
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
