/**
 * The first bytes of Snappy's content, for what stands at the start of a large page; a library would
 * decompress all of it. Damage is a `RangeError`.
 *
 * @param length of the bytes wanted, which the content may be shorter than
 * @see https://github.com/google/snappy/blob/main/format_description.txt
 */
export function snappyStart(source: Uint8Array, length: number): Uint8Array {
  return decoded(source, length).output;
}

/** The whole of Snappy's content, which must be of this length and end with the source; else a `RangeError`. */
export function snappyContent(source: Uint8Array, length: number): Uint8Array {
  const { output, size, isCut, read } = decoded(source, length);
  if (isCut || size !== length || read !== source.length)
    throw new RangeError("its Snappy data has another length than stated");
  return output;
}

interface Decoded {
  readonly output: Uint8Array;
  /** Bytes of the whole content, as it states. */
  readonly size: number;
  /** Whether the last part goes on after the output. */
  readonly isCut: boolean;
  /** Bytes of the source that were read. */
  readonly read: number;
}

function decoded(source: Uint8Array, length: number): Decoded {
  let offset = 0;
  const byte = (): number => {
    const value = source[offset++];
    if (value === undefined) throw new RangeError("its Snappy data is cut");
    return value;
  };
  const number = (bytes: number): number => {
    let value = 0;
    for (let index = 0; index < bytes; index++) value += byte() * 256 ** index;
    return value;
  };
  const size = contentLength(byte);
  const output = new Uint8Array(Math.min(size, length));
  let isCut = false;
  for (let written = 0; written < output.length; ) {
    const tag = byte();
    const high = tag >> 2;
    if ((tag & 3) === 0) {
      const literal = 1 + (high < 60 ? high : number(high - 59));
      const taken = Math.min(literal, output.length - written);
      isCut = taken < literal;
      if (offset + taken > source.length) throw new RangeError("its Snappy data is cut");
      output.set(source.subarray(offset, offset + taken), written);
      offset += literal;
      written += taken;
      continue;
    }
    const isShort = (tag & 3) === 1;
    const match = isShort ? 4 + (high & 7) : 1 + high;
    const distance = isShort ? (tag >> 5) * 256 + byte() : number((tag & 3) === 2 ? 2 : 4);
    if (distance === 0 || distance > written)
      throw new RangeError("its Snappy data refers to bytes before its first");
    const end = Math.min(output.length, written + match);
    isCut = end < written + match;
    for (; written < end; written++) output[written] = output[written - distance] ?? 0;
  }
  return { output, size, isCut, read: offset };
}

function contentLength(byte: () => number): number {
  let length = 0;
  for (let scale = 1; ; scale *= 128) {
    const part = byte();
    length += (part & 127) * scale;
    if (part < 128) return length;
    if (scale > 2 ** 28) throw new RangeError("its Snappy data states too many bytes");
  }
}
