import { crc32 } from "node:zlib";
import { eventLoopPauses } from "../util/concurrency.ts";
import { bitsInByte } from "../util/count-bits.ts";
import type { DeletionVectorDescriptor } from "./actions.ts";
import { bitmapMagic, containerRows, reversedBits } from "./deletion-vector.ts";
import { z85Encode } from "./z85.ts";

/** A deletion vector as bytes. */
export interface EncodedVector {
  /** A 64-bit roaring bitmap behind a magic number: `sizeInBytes` of the descriptor. */
  readonly data: Uint8Array;
  /** Number of deleted rows. */
  readonly cardinality: number;
}

/** The bytes of a file of deletion vectors, and a descriptor of each. */
export interface VectorFile {
  /** Raw path relative to the table's root. */
  readonly path: string;
  readonly bytes: Uint8Array;
  /** In the order of the vectors. */
  readonly descriptors: readonly DeletionVectorDescriptor[];
}

const bytesOfContainer = containerRows / 8;
/** Bytes read between two turns of the event loop. */
const bytesPerTurn = 1024 * 1024;
/** Number of rows up to which a container is a list of them. */
const longestArray = 4096;

/**
 * Encodes deleted rows, one bit a row, the first row in the highest bit of the first byte; the counterpart of
 * `decodeDeletionVector`. PROTOCOL.md "Deletion Vector Format".
 *
 * Each 65,536 rows take the smallest of the three forms that Roaring has for them. At most 2^32 rows.
 */
export async function encodeDeletionVector(bits: Uint8Array): Promise<EncodedVector> {
  const pause = eventLoopPauses(bytesPerTurn);
  const containers: Container[] = [];
  for (let from = 0; from < bits.length; from += bytesOfContainer) {
    const container = containerOf(bits.subarray(from, from + bytesOfContainer), from / bytesOfContainer);
    if (container !== undefined) containers.push(container);
    await pause(bytesOfContainer);
  }
  const data = containers.length === 0 ? emptyBitmap() : bitmap(containers);
  return { data, cardinality: containers.reduce((sum, { rows }) => sum + rows, 0) };
}

/**
 * A file of deletion vectors, named by a random UUID. PROTOCOL.md "Deletion Vector File Storage Format" and
 * "Derived Fields".
 */
export function vectorFile(vectors: readonly EncodedVector[], uuid: string): VectorFile {
  const size = vectors.reduce((sum, { data }) => sum + data.length + 8, 1);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  bytes[0] = 1;
  const { id, path } = vectorFilePlace(uuid);
  let at = 1;
  const descriptors = vectors.map(({ data, cardinality }): DeletionVectorDescriptor => {
    const offset = at;
    view.setInt32(at, data.length);
    bytes.set(data, at + 4);
    view.setUint32(at + 4 + data.length, crc32(data));
    at += data.length + 8;
    return { storageType: "u", pathOrInlineDv: id, offset, sizeInBytes: data.length, cardinality };
  });
  return { path, bytes, descriptors };
}

/**
 * Where a file of vectors is, and how descriptors name it. PROTOCOL.md "Derived Fields".
 */
export function vectorFilePlace(uuid: string): { readonly path: string; readonly id: string } {
  const id = z85Encode(Buffer.from(uuid.replaceAll("-", ""), "hex"));
  return { path: `deletion_vector_${uuid}.bin`, id };
}

/** The deleted ones among 65,536 rows. */
interface Container {
  readonly key: number;
  readonly rows: number;
  readonly isRuns: boolean;
  readonly content: Uint8Array;
}

/** The smallest form of some rows; `undefined` if none of them is deleted. */
function containerOf(bits: Uint8Array, key: number): Container | undefined {
  let [rows, runs, last] = [0, 0, 0];
  for (const byte of bits) {
    rows += bitsInByte[byte] ?? 0;
    // A run begins at each set bit whose predecessor is clear.
    runs += bitsInByte[byte & ~((byte >> 1) | (last << 7))] ?? 0;
    last = byte & 1;
  }
  if (rows === 0) return undefined;
  const plainBytes = rows <= longestArray ? rows * 2 : bytesOfContainer;
  if (2 + runs * 4 < plainBytes) return { key, rows, isRuns: true, content: runsOf(bits, runs) };
  const content = rows <= longestArray ? arrayOf(bits, rows) : wordsOf(bits);
  return { key, rows, isRuns: false, content };
}

function arrayOf(bits: Uint8Array, rows: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(rows * 2));
  let at = 0;
  for (const row of setRows(bits)) {
    view.setUint16(at, row, true);
    at += 2;
  }
  return new Uint8Array(view.buffer);
}

function wordsOf(bits: Uint8Array): Uint8Array {
  const words = new Uint8Array(bytesOfContainer);
  for (const [index, byte] of bits.entries()) words[index] = reversedBits[byte] ?? 0;
  return words;
}

/** Their number, and of each run its first row and how many rows follow. */
function runsOf(bits: Uint8Array, runs: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(2 + runs * 4));
  view.setUint16(0, runs, true);
  let [at, first, last] = [2, -1, -2];
  const end = () => {
    if (first < 0) return;
    view.setUint16(at, first, true);
    view.setUint16(at + 2, last - first, true);
    at += 4;
  };
  for (const row of setRows(bits)) {
    if (row !== last + 1) {
      end();
      first = row;
    }
    last = row;
  }
  end();
  return new Uint8Array(view.buffer);
}

function* setRows(bits: Uint8Array): Generator<number> {
  for (const [index, byte] of bits.entries())
    for (let left = byte, row = index * 8; left !== 0; left = (left << 1) & 0xff, row++)
      if ((left & 0x80) !== 0) yield row;
}

function emptyBitmap(): Uint8Array {
  const view = new DataView(new ArrayBuffer(12));
  view.setUint32(0, bitmapMagic, true);
  return new Uint8Array(view.buffer);
}

/** Roaring's portable form: https://github.com/RoaringBitmap/RoaringFormatSpec, its 64-bit extension included. */
function bitmap(containers: readonly Container[]): Uint8Array {
  const count = containers.length;
  const hasRuns = containers.some(({ isRuns }) => isRuns);
  const flagBytes = hasRuns ? Math.ceil(count / 8) : 0;
  const hasOffsets = !hasRuns || count >= 4;
  const cookieBytes = hasRuns ? 4 : 8;
  const headerBytes = cookieBytes + flagBytes + count * 4 + (hasOffsets ? count * 4 : 0);
  const start = 16;
  const contentBytes = containers.reduce((sum, { content }) => sum + content.length, 0);
  const data = new Uint8Array(start + headerBytes + contentBytes);
  const view = new DataView(data.buffer);
  view.setUint32(0, bitmapMagic, true);
  view.setUint32(4, 1, true);
  view.setUint32(start, hasRuns ? 12347 | ((count - 1) << 16) : 12346, true);
  if (!hasRuns) view.setUint32(start + 4, count, true);
  const flags = start + cookieBytes;
  const keys = flags + flagBytes;
  let content = headerBytes;
  containers.forEach(({ key, rows, isRuns, content: bytes }, index) => {
    if (isRuns) data[flags + (index >> 3)] = (data[flags + (index >> 3)] ?? 0) | (1 << (index & 7));
    view.setUint16(keys + index * 4, key, true);
    view.setUint16(keys + index * 4 + 2, rows - 1, true);
    if (hasOffsets) view.setUint32(keys + count * 4 + index * 4, content, true);
    data.set(bytes, start + content);
    content += bytes.length;
  });
  return data;
}
