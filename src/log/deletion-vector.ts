import { crc32 } from "node:zlib";
import { VarveError } from "../errors.ts";
import type { DeletionVectorDescriptor } from "./actions.ts";
import { z85Decode } from "./z85.ts";

/** Greatest row position that the engine can look up in a bitmap. */
const rowLimit = 2 ** 31;
const magicNumber = 1681511377;
/** An older layout, which PROTOCOL.md still shows in "JSON Example 3 — Inline": bitmaps of ascending keys, each behind its size. */
const olderMagicNumber = 1681511376;

/** Where a deletion vector's bytes are: in the log itself, or in a file (a path as `add.path` spells it) from `offset` on. */
export type DeletionVectorPlace =
  | { readonly kind: "inline"; readonly bytes: Uint8Array }
  | { readonly kind: "file"; readonly path: string; readonly offset: number };

/**
 * Finds out where a deletion vector is kept, PROTOCOL.md "Derived Fields".
 *
 * Relative paths come out percent-encoded, as `add.path` is, because a random prefix may hold any character of Z85.
 *
 * @throws `DELETION_VECTOR_CORRUPT` for a descriptor that makes no sense
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
 * Takes one vector out of its file's bytes from {@link DeletionVectorPlace}'s offset on (`sizeInBytes + 9` bytes are enough), checking size and checksum.
 *
 * PROTOCOL.md "Deletion Vector File Storage Format".
 *
 * @throws `DELETION_VECTOR_CORRUPT`
 */
export function unwrapDeletionVector(bytes: Uint8Array, vector: DeletionVectorDescriptor): Uint8Array {
  // A missing offset is 0 by the protocol, where the file has its version byte.
  const start = (vector.offset ?? 0) === 0 && bytes[0] === 1 && sizeAt(bytes, 0) !== vector.sizeInBytes ? 1 : 0;
  const size = sizeAt(bytes, start);
  if (size !== vector.sizeInBytes)
    throw corrupt(vector, `the file says ${size ?? "nothing"} where the log says ${vector.sizeInBytes} bytes`);
  const data = bytes.subarray(start + 4, start + 4 + size);
  const stored = sizeAt(bytes, start + 4 + size);
  if (data.length !== size || stored === undefined) throw corrupt(vector, "the file ends early");
  if (crc32(data) !== stored >>> 0) throw corrupt(vector, "its checksum is wrong");
  return data;
}

/**
 * Decodes a vector's data (a 64-bit roaring bitmap behind a magic number) to one bit a row, the first row in the highest bit of the first byte.
 *
 * The result is as long as the last deleted row needs, or shorter than that by nothing; `rows` bounds it.
 *
 * @param rows physical rows of the data file, where known: a position beyond them is an error
 * @throws `DELETION_VECTOR_CORRUPT` when malformed, or when it does not hold `cardinality` rows; `LIMIT_EXCEEDED` for a row of 2^31 or more
 */
export function decodeDeletionVector(data: Uint8Array, vector: DeletionVectorDescriptor, rows: number | undefined): Uint8Array {
  const reader = new BitmapReader(data, vector, rows ?? rowLimit);
  const bits = reader.bits();
  const found = countBits(bits);
  if (found !== vector.cardinality) throw corrupt(vector, `it deletes ${found} rows where the log says ${vector.cardinality}`);
  return bits;
}

/** How many bits are set. */
export function countBits(bits: Uint8Array): number {
  let count = 0;
  for (const byte of bits) count += ones[byte] ?? 0;
  return count;
}

const ones = Uint8Array.from({ length: 256 }, (_, byte) => byte.toString(2).replaceAll("0", "").length);
const reversed = Uint8Array.from({ length: 256 }, (_, byte) =>
  Number.parseInt(byte.toString(2).padStart(8, "0").split("").reverse().join(""), 2),
);

/** Roaring's portable format: https://github.com/RoaringBitmap/RoaringFormatSpec, its 64-bit extension included. */
class BitmapReader {
  readonly #data: DataView;
  readonly #vector: DeletionVectorDescriptor;
  readonly #rows: number;
  /** Rows that the file has, which may be more than can be looked up. */
  readonly #claimed: number;
  #at = 0;
  #bits = new Uint8Array(0);
  #used = 0;

  constructor(data: Uint8Array, vector: DeletionVectorDescriptor, rows: number) {
    this.#data = new DataView(data.buffer, data.byteOffset, data.byteLength);
    this.#vector = vector;
    this.#rows = Math.min(rows, rowLimit);
    this.#claimed = rows;
  }

  bits(): Uint8Array {
    const magic = this.#u32();
    if (magic !== magicNumber) {
      if (magic === olderMagicNumber) return this.#olderBits(true);
      if (this.#data.getUint32(0) === olderMagicNumber) return this.#olderBits(false);
      throw corrupt(this.#vector, "its magic number is unknown");
    }
    const buckets = this.#u32();
    if (this.#u32() !== 0) throw corrupt(this.#vector, "it counts too many buckets");
    let last = -1;
    for (let bucket = 0; bucket < buckets; bucket++) {
      const key = this.#u32();
      if (key <= last) throw corrupt(this.#vector, "its buckets are not in order");
      last = key;
      this.#bitmap(key * 2 ** 32);
    }
    return this.#finished();
  }

  #olderBits(littleEndian: boolean): Uint8Array {
    const number = (): number => this.#data.getUint32(this.#skip(4), littleEndian);
    const bitmaps = number();
    for (let key = 0; key < bitmaps; key++) {
      const end = number() + this.#at;
      this.#bitmap(key * 2 ** 32);
      if (this.#at !== end) throw corrupt(this.#vector, "a bitmap has another size than it says");
    }
    return this.#finished();
  }

  #finished(): Uint8Array {
    if (this.#at !== this.#data.byteLength) throw corrupt(this.#vector, `it has ${this.#data.byteLength - this.#at} bytes too many`);
    return this.#bits.subarray(0, this.#used);
  }

  #bitmap(base: number): void {
    const cookie = this.#u32();
    const hasRuns = (cookie & 0xffff) === 12347;
    if (!hasRuns && cookie !== 12346) throw corrupt(this.#vector, "a bitmap has an unknown cookie");
    const containers = hasRuns ? (cookie >>> 16) + 1 : this.#u32();
    if (containers > 65_536) throw corrupt(this.#vector, "a bitmap has too many containers");
    const runFlags = this.#skip(hasRuns ? Math.ceil(containers / 8) : 0);
    const header = this.#skip(containers * 4);
    if (!hasRuns || containers >= 4) this.#skip(containers * 4);
    for (let index = 0; index < containers; index++) {
      const start = base + this.#data.getUint16(header + index * 4, true) * 65_536;
      const cardinality = this.#data.getUint16(header + index * 4 + 2, true) + 1;
      const isRun = hasRuns && (this.#data.getUint8(runFlags + (index >> 3)) & (1 << (index & 7))) !== 0;
      if (isRun) this.#runs(start);
      else if (cardinality > 4096) this.#words(start);
      else this.#array(start, cardinality);
    }
  }

  #array(start: number, cardinality: number): void {
    const from = this.#skip(cardinality * 2);
    for (let index = 0; index < cardinality; index++) this.#set(start + this.#data.getUint16(from + index * 2, true));
  }

  #runs(start: number): void {
    const count = this.#u16();
    const from = this.#skip(count * 4);
    for (let index = 0; index < count; index++) {
      const first = start + this.#data.getUint16(from + index * 4, true);
      const length = this.#data.getUint16(from + index * 4 + 2, true);
      if (first + length >= start + 65_536) throw corrupt(this.#vector, "a run leaves its container");
      for (let row = first; row <= first + length; row++) this.#set(row);
    }
  }

  #words(start: number): void {
    const from = this.#skip(8192);
    let last = 8191;
    while (last >= 0 && this.#data.getUint8(from + last) === 0) last--;
    if (last < 0) return;
    this.#reserve(start + last * 8 + 31 - Math.clz32(this.#data.getUint8(from + last)));
    const target = start / 8;
    for (let index = 0; index <= last; index++) this.#bits[target + index] = reversed[this.#data.getUint8(from + index)] ?? 0;
  }

  #set(row: number): void {
    const byte = Math.floor(row / 8);
    if (row >= this.#rows || byte >= this.#used) this.#reserve(row);
    this.#bits[byte] = (this.#bits[byte] ?? 0) | (0x80 >> (row % 8));
  }

  /** Makes room for a row, at least doubling, so that a vector costs time in proportion to its size. */
  #reserve(row: number): void {
    if (row >= this.#rows && row < this.#claimed) throw beyondLimit(this.#vector, row);
    if (row >= this.#rows) throw corrupt(this.#vector, `it deletes row ${row} of a file with ${this.#rows} rows`);
    const needed = Math.floor(row / 8) + 1;
    if (needed > this.#bits.length) {
      const grown = new Uint8Array(Math.min(Math.max(needed, this.#bits.length * 2, 1024), Math.ceil(this.#rows / 8)));
      grown.set(this.#bits);
      this.#bits = grown;
    }
    this.#used = Math.max(this.#used, needed);
  }

  #u16(): number {
    return this.#data.getUint16(this.#skip(2), true);
  }

  #u32(): number {
    return this.#data.getUint32(this.#skip(4), true);
  }

  /** The position of the next `length` bytes, which are then behind. */
  #skip(length: number): number {
    const at = this.#at;
    if (at + length > this.#data.byteLength) throw corrupt(this.#vector, "it ends early");
    this.#at += length;
    return at;
  }
}

function sizeAt(bytes: Uint8Array, at: number): number | undefined {
  return at + 4 <= bytes.length ? new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getInt32(at) : undefined;
}

function decode(text: string, vector: DeletionVectorDescriptor): Uint8Array {
  const bytes = z85Decode(text);
  if (bytes === undefined) throw corrupt(vector, "its text is not Z85");
  if (vector.storageType !== "i") return bytes;
  // Data whose length is no multiple of four may have been padded before it was encoded.
  if (bytes.length < vector.sizeInBytes || bytes.length >= vector.sizeInBytes + 4) {
    throw corrupt(vector, `it has ${bytes.length} bytes where the log says ${vector.sizeInBytes}`);
  }
  return bytes.subarray(0, vector.sizeInBytes);
}

function beyondLimit(vector: DeletionVectorDescriptor, row: number): VarveError {
  return new VarveError(
    "LIMIT_EXCEEDED",
    `A data file has its row ${row} deleted by ${nameOf(vector)}; varve reads deletions among the first ${rowLimit} rows of a file only. Rewrite the file in smaller ones.`,
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
    `Which rows are deleted cannot be read from ${nameOf(vector)}: ${why}. Restore its file, or travel to a version before it.`,
    {
      deletionVector: storageType === "i" ? "inline" : `${storageType}${pathOrInlineDv}`,
      reason: why,
    },
  );
}
