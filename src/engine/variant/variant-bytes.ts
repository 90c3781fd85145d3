// The layout of Parquet's "Variant Binary Encoding" (VariantEncoding.md), of parts that are encoded already.

/** A field of an object: its name's place in the dictionary, the name in UTF-8, the encoded value. */
export interface EncodedField {
  readonly id: number;
  readonly name: Uint8Array;
  readonly item: Uint8Array;
}

/** An object; fields are laid out in the order of their names' bytes, as readers that search them expect. */
export function encodeObject(fields: readonly EncodedField[]): Uint8Array {
  const sorted = fields.toSorted((one, other) => Buffer.compare(one.name, other.name));
  const ids = sorted.map(({ id }) => id);
  const items = sorted.map(({ item }) => item);
  const idSize = bytesFor(ids.reduce((most, id) => Math.max(most, id), 0));
  const offsetSize = bytesFor(sumOf(items));
  const header = 2 | ((offsetSize - 1) << 2) | ((idSize - 1) << 4) | (items.length > 255 ? 64 : 0);
  return encodeItems({ header, ids, idSize, items, offsetSize });
}

export function encodeArray(items: readonly Uint8Array[]): Uint8Array {
  const offsetSize = bytesFor(sumOf(items));
  const header = 3 | ((offsetSize - 1) << 2) | (items.length > 255 ? 16 : 0);
  return encodeItems({ header, ids: [], idSize: 0, items, offsetSize });
}

interface EncodedItems {
  readonly header: number;
  /** Of an object's fields. */
  readonly ids: readonly number[];
  readonly idSize: number;
  readonly items: readonly Uint8Array[];
  readonly offsetSize: number;
}

function encodeItems({ header, ids, idSize, items, offsetSize }: EncodedItems): Uint8Array {
  const countSize = items.length > 255 ? 4 : 1;
  const data = 1 + countSize + ids.length * idSize + (items.length + 1) * offsetSize;
  const bytes = new Uint8Array(data + sumOf(items));
  bytes[0] = header;
  let position = writeUnsigned(bytes, 1, items.length, countSize);
  for (const id of ids) position = writeUnsigned(bytes, position, id, idSize);
  writeOffsets(bytes, position, items, offsetSize);
  writeParts(bytes, data, items);
  return bytes;
}

/** A text in UTF-8: those of up to 63 bytes have their length in the header. */
export function encodeText(bytes: Uint8Array): Uint8Array {
  return bytes.length < 64
    ? joined([Uint8Array.of((bytes.length << 2) | 1), bytes])
    : encodePrimitive(16, counted(bytes));
}

export function encodePrimitive(type: number, content: Uint8Array = new Uint8Array(0)): Uint8Array {
  return joined([Uint8Array.of(type << 2), content]);
}

/** The metadata: names in UTF-8, each at the place that is its id. */
export function encodeDictionary(names: readonly Uint8Array[]): Uint8Array {
  const size = bytesFor(Math.max(sumOf(names), names.length));
  const data = 1 + size + (names.length + 1) * size;
  const bytes = new Uint8Array(data + sumOf(names));
  bytes[0] = 1 | ((size - 1) << 6);
  writeOffsets(bytes, writeUnsigned(bytes, 1, names.length, size), names, size);
  writeParts(bytes, data, names);
  return bytes;
}

/** Bytes behind their number. */
export function counted(bytes: Uint8Array): Uint8Array {
  const length = new Uint8Array(4);
  writeUnsigned(length, 0, bytes.length, 4);
  return joined([length, bytes]);
}

export function signed(value: bigint, size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, byte) => Number(BigInt.asUintN(8, value >> BigInt(8 * byte))));
}

export function joined(parts: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(parts);
}

/** An unsigned number of 1 to 4 bytes, the lowest first; bytes beyond the end count as 0. */
export function littleEndian(bytes: Uint8Array, from: number, size: number): number {
  let number = 0;
  for (let index = size - 1; index >= 0; index--) number = number * 256 + (bytes[from + index] ?? 0);
  return number;
}

/** Writes where each part begins, and where the last one ends. */
function writeOffsets(bytes: Uint8Array, position: number, parts: readonly Uint8Array[], size: number): void {
  let offset = 0;
  let next = writeUnsigned(bytes, position, offset, size);
  for (const part of parts) {
    offset += part.length;
    next = writeUnsigned(bytes, next, offset, size);
  }
}

function writeParts(bytes: Uint8Array, position: number, parts: readonly Uint8Array[]): void {
  let next = position;
  for (const part of parts) {
    bytes.set(part, next);
    next += part.length;
  }
}

/** Writes a number of 1 to 4 bytes, the lowest first; returns where it ends. */
function writeUnsigned(bytes: Uint8Array, position: number, value: number, size: number): number {
  for (let byte = 0; byte < size; byte++) bytes[position + byte] = value >>> (8 * byte);
  return position + size;
}

function bytesFor(largest: number): number {
  return largest < 1 << 8 ? 1 : largest < 1 << 16 ? 2 : largest < 1 << 24 ? 3 : 4;
}

function sumOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0);
}
