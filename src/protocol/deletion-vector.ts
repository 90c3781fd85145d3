import { crc32 } from "node:zlib";
import { VarveError } from "../errors.ts";
import { eventLoopPauses } from "../util/concurrency.ts";
import { bitsInByte } from "../util/count-bits.ts";
import type { DeletionVectorDescriptor } from "./actions.ts";
import { z85Decode } from "./z85.ts";

/** Greatest row position that the engine can look up in a bitmap. */
const rowLimit = 2 ** 31;
/** First four bytes of a vector's data. */
export const bitmapMagic = 1681511377;
/**
 * An older layout of bitmaps in ascending order of their keys, each after its size. PROTOCOL.md "JSON Example
 * 3 — Inline" still shows it.
 */
const olderMagicNumber = 1681511376;

/**
 * Location of a deletion vector's bytes: in the log itself, or in a file (a path spelled as in `add.path`)
 * from `offset` on.
 */
export type DeletionVectorPlace =
  | { readonly kind: "inline"; readonly bytes: Uint8Array }
  | { readonly kind: "file"; readonly path: string; readonly offset: number };

/**
 * Where a deletion vector is stored, PROTOCOL.md "Derived Fields" and "Deletion Vector Files".
 *
 * Relative paths are percent-encoded, like `add.path`, because a random prefix may contain any character of
 * Z85.
 *
 * @throws `DELETION_VECTOR_CORRUPT` for an invalid descriptor
 */
export function deletionVectorPlace(vector: DeletionVectorDescriptor): DeletionVectorPlace {
  const { storageType, pathOrInlineDv: text, offset = 0 } = vector;
  if (storageType === "i") return { kind: "inline", bytes: decode(text, vector) };
  if (storageType === "p") return { kind: "file", path: text, offset };
  const id = text.slice(-20);
  if (id.length !== 20) throw corrupt(vector, "its id is shorter than 20 characters");
  const hex = Buffer.from(decode(id, vector)).toString("hex");
  const uuid = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  const prefix = text.slice(0, -20);
  const folder = prefix === "" ? "" : `${encodeURIComponent(prefix)}/`;
  return { kind: "file", path: `${folder}deletion_vector_${uuid}.bin`, offset };
}

/**
 * Takes one vector out of its file's bytes from {@link DeletionVectorPlace}'s offset on (`sizeInBytes + 9`
 * bytes are enough), checking size and checksum.
 *
 * PROTOCOL.md "Deletion Vector File Storage Format".
 *
 * @throws `DELETION_VECTOR_CORRUPT`
 */
export function unwrapDeletionVector(bytes: Uint8Array, vector: DeletionVectorDescriptor): Uint8Array {
  // A missing offset is 0 by the protocol, where the file has its version byte.
  const start =
    (vector.offset ?? 0) === 0 && bytes[0] === 1 && sizeAt(bytes, 0) !== vector.sizeInBytes ? 1 : 0;
  const size = sizeAt(bytes, start);
  if (size !== vector.sizeInBytes)
    throw corrupt(
      vector,
      `the file says ${size ?? "nothing"} where the log says ${vector.sizeInBytes} bytes`,
    );
  const data = bytes.subarray(start + 4, start + 4 + size);
  const stored = sizeAt(bytes, start + 4 + size);
  if (data.length !== size || stored === undefined) throw corrupt(vector, "the file ends early");
  if (crc32(data) !== stored >>> 0) throw corrupt(vector, "its checksum is wrong");
  return data;
}

/**
 * The most bytes that a vector over a file of `rows` rows can need: more are refused before they are fetched
 * or decoded.
 *
 * A container covers 65,536 rows; the largest, every second row as a run of its own, takes 131,074 bytes and
 * nine of headers.
 */
export function greatestVectorSize(rows: number): number {
  return 64 + (Math.floor(rows / containerRows) + 1) * 131_104 + (Math.floor(rows / 2 ** 32) + 1) * 16;
}

/**
 * Decodes a vector's data (a 64-bit roaring bitmap behind a magic number) to one bit a row, the first row in
 * the highest bit of the first byte. PROTOCOL.md "Deletion Vector Format".
 *
 * The whole structure is checked first, in time linear in the bytes of `data`; only then are bits made, as
 * many as the last deleted row needs. The event loop turns in between.
 *
 * @param rows physical rows of the data file, as its own footer counts them: a position beyond them is an
 * error
 * @throws `DELETION_VECTOR_CORRUPT` when malformed, or when it does not hold `cardinality` rows;
 * `LIMIT_EXCEEDED` for a row of 2^31 or more
 */
export async function decodeDeletionVector(
  data: Uint8Array,
  vector: DeletionVectorDescriptor,
  rows: number,
): Promise<Uint8Array> {
  checkClaims(vector, rows);
  const pause = eventLoopPauses(bytesPerTurn);
  let [count, end] = [0, 0];
  for (const container of new BitmapReader(data, vector).containers()) {
    const last = container.start + lastRow(data, vector, container);
    if (last >= rows) throw corrupt(vector, `it deletes row ${last} of a file with ${rows} rows`);
    if (last >= rowLimit) throw beyondLimit(vector, last);
    count += container.rows;
    end = last + 1;
    await pause(container.bytes);
  }
  if (count !== vector.cardinality)
    throw corrupt(vector, `it deletes ${count} rows where the log says ${vector.cardinality}`);
  const bits = new Uint8Array(Math.ceil(end / 8));
  for (const container of new BitmapReader(data, vector).containers()) {
    setBits(bits, data, container);
    await pause(container.bytes + containerRows / 8);
  }
  return bits;
}

/**
 * Refuses what the log says of a vector where it cannot be true of a file of so many rows. @throws
 * `DELETION_VECTOR_CORRUPT`
 */
export function checkClaims(vector: DeletionVectorDescriptor, rows: number): void {
  const { cardinality, sizeInBytes } = vector;
  if (cardinality > rows)
    throw corrupt(vector, `the log says that it deletes ${cardinality} rows of a file with ${rows} rows`);
  const most = greatestVectorSize(rows);
  if (sizeInBytes > most)
    throw corrupt(vector, `it has ${sizeInBytes} bytes, and a file with ${rows} rows needs ${most} at most`);
}

/** Number of rows that one container is about. */
export const containerRows = 65_536;
/** Bytes read or written between two turns of the event loop: about a millisecond of work. */
const bytesPerTurn = 1024 * 1024;

/** Each byte with its bits in the opposite order. */
export const reversedBits = Uint8Array.from({ length: 256 }, (_, byte) =>
  Number.parseInt(byte.toString(2).padStart(8, "0").split("").reverse().join(""), 2),
);

/** The deleted ones among 65,536 rows, whose positions are numbers of 16 bits. */
interface Container {
  readonly kind: "array" | "runs" | "words";
  /** First of the rows that the container is about. */
  readonly start: number;
  /** How many rows it deletes, by its header. */
  readonly rows: number;
  /** Where its content lies in the vector's data. */
  readonly from: number;
  readonly bytes: number;
}

/**
 * Walks Roaring's portable format: https://github.com/RoaringBitmap/RoaringFormatSpec, its 64-bit extension
 * included.
 */
class BitmapReader {
  readonly #data: DataView;
  readonly #vector: DeletionVectorDescriptor;
  #at = 0;

  constructor(data: Uint8Array, vector: DeletionVectorDescriptor) {
    this.#data = viewOf(data);
    this.#vector = vector;
  }

  /**
   * The containers in ascending order of rows. @throws `DELETION_VECTOR_CORRUPT` for a structure that is
   * damaged; contents are not looked at
   */
  *containers(): Generator<Container> {
    const magic = this.#u32();
    if (magic === bitmapMagic) yield* this.#buckets();
    else if (magic === olderMagicNumber) yield* this.#olderBitmaps(true);
    else if (this.#data.getUint32(0) === olderMagicNumber) yield* this.#olderBitmaps(false);
    else throw corrupt(this.#vector, "its magic number is unknown");
    if (this.#at !== this.#data.byteLength)
      throw corrupt(this.#vector, `it has ${this.#data.byteLength - this.#at} bytes too many`);
  }

  *#buckets(): Generator<Container> {
    const buckets = this.#u32();
    if (this.#u32() !== 0) throw corrupt(this.#vector, "it counts too many buckets");
    let last = -1;
    for (let bucket = 0; bucket < buckets; bucket++) {
      const key = this.#u32();
      if (key <= last) throw corrupt(this.#vector, "its buckets are not in order");
      last = key;
      yield* this.#bitmap(key * 2 ** 32);
    }
  }

  *#olderBitmaps(littleEndian: boolean): Generator<Container> {
    const number = (): number => this.#data.getUint32(this.#skip(4), littleEndian);
    const bitmaps = number();
    for (let key = 0; key < bitmaps; key++) {
      const end = number() + this.#at;
      yield* this.#bitmap(key * 2 ** 32);
      if (this.#at !== end) throw corrupt(this.#vector, "a bitmap has another size than it says");
    }
  }

  *#bitmap(base: number): Generator<Container> {
    const cookie = this.#u32();
    const hasRuns = (cookie & 0xffff) === 12347;
    if (!hasRuns && cookie !== 12346) throw corrupt(this.#vector, "a bitmap has an unknown cookie");
    const containers = hasRuns ? (cookie >>> 16) + 1 : this.#u32();
    if (containers > 65_536) throw corrupt(this.#vector, "a bitmap has too many containers");
    const runFlags = this.#skip(hasRuns ? Math.ceil(containers / 8) : 0);
    const header = this.#skip(containers * 4);
    if (!hasRuns || containers >= 4) this.#skip(containers * 4);
    let last = -1;
    for (let index = 0; index < containers; index++) {
      const key = this.#data.getUint16(header + index * 4, true);
      if (key <= last) throw corrupt(this.#vector, "its containers are not in order");
      last = key;
      const rows = this.#data.getUint16(header + index * 4 + 2, true) + 1;
      const isRun = hasRuns && (this.#data.getUint8(runFlags + (index >> 3)) & (1 << (index & 7))) !== 0;
      const kind = isRun ? "runs" : rows > 4096 ? "words" : "array";
      const bytes = isRun ? this.#u16() * 4 : rows > 4096 ? 8192 : rows * 2;
      yield { kind, start: base + key * containerRows, rows, from: this.#skip(bytes), bytes };
    }
  }

  #u16(): number {
    return this.#data.getUint16(this.#skip(2), true);
  }

  #u32(): number {
    return this.#data.getUint32(this.#skip(4), true);
  }

  /** The position of the next `length` bytes, which are then behind. */
  #skip(length: number): number {
    const index = this.#at;
    if (index + length > this.#data.byteLength) throw corrupt(this.#vector, "it ends early");
    this.#at += length;
    return index;
  }
}

/**
 * The last row of a container, counted from its start, once its content is in order and holds as many rows as
 * its header says.
 */
function lastRow(data: Uint8Array, vector: DeletionVectorDescriptor, container: Container): number {
  const { last, rows } =
    container.kind === "runs" ? runsEnd(data, vector, container) : rowsEnd(data, vector, container);
  if (rows !== container.rows)
    throw corrupt(vector, `a container deletes ${rows} rows where its header says ${container.rows}`);
  return last;
}

function rowsEnd(
  data: Uint8Array,
  vector: DeletionVectorDescriptor,
  { kind, from, bytes }: Container,
): { last: number; rows: number } {
  if (kind === "words") {
    let rows = 0;
    let end = from;
    for (let index = from; index < from + bytes; index++) {
      const byte = data[index] ?? 0;
      rows += bitsInByte[byte] ?? 0;
      if (byte !== 0) end = index;
    }
    return { last: (end - from) * 8 + 31 - Math.clz32(data[end] ?? 0), rows };
  }
  let last = -1;
  for (let index = from; index < from + bytes; index += 2) {
    const row = u16(data, index);
    if (row <= last) throw corrupt(vector, "the rows of a container are not in order");
    last = row;
  }
  return { last, rows: bytes / 2 };
}

function runsEnd(
  data: Uint8Array,
  vector: DeletionVectorDescriptor,
  { from, bytes }: Container,
): { last: number; rows: number } {
  let [last, rows] = [-1, 0];
  for (let index = from; index < from + bytes; index += 4) {
    const [first, length] = [u16(data, index), u16(data, index + 2)];
    if (first <= last) throw corrupt(vector, "the runs of a container overlap or are not in order");
    last = first + length;
    rows += length + 1;
    if (last >= containerRows) throw corrupt(vector, "a run leaves its container");
  }
  return { last, rows };
}

/** Marks the rows of a container that was checked. */
function setBits(bits: Uint8Array, data: Uint8Array, { kind, start, from, bytes }: Container): void {
  if (kind === "words") {
    const target = start / 8;
    // What lies beyond the last deleted row is zero, and has no place.
    const length = Math.min(bytes, bits.length - target);
    for (let index = 0; index < length; index++)
      bits[target + index] = reversedBits[data[from + index] ?? 0] ?? 0;
  } else if (kind === "array") {
    for (let position = from; position < from + bytes; position += 2)
      setRun(bits, start + u16(data, position), 1);
  } else {
    for (let position = from; position < from + bytes; position += 4)
      setRun(bits, start + u16(data, position), u16(data, position + 2) + 1);
  }
}

/** Sets the bits of `count` rows from `first` on, whole bytes at once. */
function setRun(bits: Uint8Array, first: number, count: number): void {
  const [end, firstByte] = [first + count, Math.floor(first / 8)];
  const lastByte = Math.floor((end - 1) / 8);
  const [head, tail] = [0xff >> (first % 8), (0xff << (7 - ((end - 1) % 8))) & 0xff];
  if (firstByte === lastByte) {
    bits[firstByte] = (bits[firstByte] ?? 0) | (head & tail);
    return;
  }
  bits[firstByte] = (bits[firstByte] ?? 0) | head;
  bits.fill(0xff, firstByte + 1, lastByte);
  bits[lastByte] = (bits[lastByte] ?? 0) | tail;
}

function u16(bytes: Uint8Array, offset: number): number {
  return (bytes[offset] ?? 0) | ((bytes[offset + 1] ?? 0) << 8);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function sizeAt(bytes: Uint8Array, offset: number): number | undefined {
  return offset + 4 <= bytes.length ? viewOf(bytes).getInt32(offset) : undefined;
}

function decode(text: string, vector: DeletionVectorDescriptor): Uint8Array {
  if (vector.storageType === "i" && text.length > ((vector.sizeInBytes + 7) / 4) * 5) {
    throw corrupt(
      vector,
      `its text has ${text.length} characters, too many for the ${vector.sizeInBytes} bytes that the log says`,
    );
  }
  const bytes = z85Decode(text);
  if (bytes === undefined) throw corrupt(vector, "its text is not Z85");
  if (vector.storageType !== "i") return bytes;
  // Data whose length is not a multiple of four may have been padded before it was encoded.
  if (bytes.length < vector.sizeInBytes || bytes.length >= vector.sizeInBytes + 4) {
    throw corrupt(vector, `it has ${bytes.length} bytes where the log says ${vector.sizeInBytes}`);
  }
  return bytes.subarray(0, vector.sizeInBytes);
}

function beyondLimit(vector: DeletionVectorDescriptor, row: number): VarveError {
  return new VarveError(
    "LIMIT_EXCEEDED",
    `${nameOf(vector)} deletes row ${row} of a data file, but varve supports deletions only in the first ${rowLimit} rows of a file. Rewrite the file as several smaller ones.`,
    { row, limit: rowLimit },
  );
}

function nameOf({ storageType, pathOrInlineDv, offset }: DeletionVectorDescriptor): string {
  if (storageType === "i") return "an inline deletion vector";
  return `the deletion vector ${storageType}${pathOrInlineDv}${offset === undefined ? "" : `@${offset}`}`;
}

function corrupt(vector: DeletionVectorDescriptor, why: string): VarveError {
  const { storageType, pathOrInlineDv } = vector;
  return new VarveError(
    "DELETION_VECTOR_CORRUPT",
    `Cannot read deleted rows from ${nameOf(vector)}: ${why}. Restore its file, or read a version before it.`,
    {
      deletionVector: storageType === "i" ? "inline" : `${storageType}${pathOrInlineDv}`,
      reason: why,
    },
  );
}
