import { requireFit } from "./unfit.ts";

/** Reads bytes from the first to the last, and never beyond. */
export class ByteCursor {
  readonly bytes: Buffer;
  offset = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  get left(): number {
    return this.bytes.length - this.offset;
  }

  byte(): number {
    const value = this.bytes[this.offset];
    requireFit(value !== undefined, "it ends too soon");
    this.offset++;
    return value;
  }

  /** The next bytes, without a copy. */
  take(length: number): Buffer {
    requireFit(length >= 0 && length <= this.left, "it ends too soon");
    this.offset += length;
    return this.bytes.subarray(this.offset - length, this.offset);
  }

  /** An unsigned number of seven bits a byte, the lowest first. */
  varint(): number {
    let value = 0;
    for (let factor = 1; factor <= 2 ** 49; factor *= 128) {
      const byte = this.byte();
      value += (byte & 127) * factor;
      if (byte < 128) {
        requireFit(value <= Number.MAX_SAFE_INTEGER, "a number is too big");
        return value;
      }
    }
    requireFit(false, "a number is too long");
  }

  uint32(): number {
    return this.take(4).readUInt32LE(0);
  }
}
