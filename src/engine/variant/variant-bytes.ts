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
  const items = sorted.map(({ item }) => item);
  const idSize = bytesFor(sorted.reduce((most, { id }) => Math.max(most, id), 0));
  const offsetSize = bytesFor(sumOf(items));
  const large = sorted.length > 255;
  return joined([
    Uint8Array.of(2 | ((offsetSize - 1) << 2) | ((idSize - 1) << 4) | (large ? 64 : 0)),
    unsigned(sorted.length, large ? 4 : 1),
    ...sorted.map(({ id }) => unsigned(id, idSize)),
    offsets(items, offsetSize),
    ...items,
  ]);
}

export function encodeArray(items: readonly Uint8Array[]): Uint8Array {
  const offsetSize = bytesFor(sumOf(items));
  const large = items.length > 255;
  const header = Uint8Array.of(3 | ((offsetSize - 1) << 2) | (large ? 16 : 0));
  return joined([header, unsigned(items.length, large ? 4 : 1), offsets(items, offsetSize), ...items]);
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
  return joined([
    Uint8Array.of(1 | ((size - 1) << 6)),
    unsigned(names.length, size),
    offsets(names, size),
    ...names,
  ]);
}

/** Bytes behind their number. */
export function counted(bytes: Uint8Array): Uint8Array {
  return joined([unsigned(bytes.length, 4), bytes]);
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

/** Where each part begins, and where the last one ends. */
function offsets(parts: readonly Uint8Array[], size: number): Uint8Array {
  const bytes = new Uint8Array((parts.length + 1) * size);
  let offset = 0;
  parts.forEach((part, index) => {
    offset += part.length;
    bytes.set(unsigned(offset, size), (index + 1) * size);
  });
  return bytes;
}

function bytesFor(largest: number): number {
  return largest < 1 << 8 ? 1 : largest < 1 << 16 ? 2 : largest < 1 << 24 ? 3 : 4;
}

function unsigned(value: number, size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, byte) => Math.floor(value / 2 ** (8 * byte)) % 256);
}

function sumOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0);
}
