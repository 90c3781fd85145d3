import type { FileHandle } from "node:fs/promises";
import { ArrowDamage } from "./damage.ts";

/** Bytes that are read one after the other. */
export interface SequentialBytes {
  /** How many are left, where that is known. */
  readonly left: number | undefined;
  /** Those of them that are here already, where how many are left is not known. */
  readonly arrived: Uint8Array;
  /** The next `length` bytes, fewer only at the end; memory is taken for those that there are. */
  take(length: number): Promise<Uint8Array>;
}

/** Bytes of which any part can be read. */
export interface RandomBytes {
  readonly size: number;
  /** @throws {@link ArrowDamage} for a part that is not within them */
  read(offset: number, length: number): Promise<Uint8Array>;
}

export function bytesInMemory(bytes: Uint8Array): RandomBytes {
  return {
    size: bytes.length,
    async read(offset, length) {
      assertWithin(offset, length, bytes.length);
      return bytes.subarray(offset, offset + length);
    },
  };
}

/** @throws {@link ArrowDamage} for a file that became shorter meanwhile */
export function bytesOfFile(handle: FileHandle, size: number): RandomBytes {
  return {
    size,
    async read(offset, length) {
      assertWithin(offset, length, size);
      const bytes = new Uint8Array(length);
      for (let done = 0; done < length; ) {
        const { bytesRead } = await handle.read(bytes, done, length - done, offset + done);
        if (bytesRead === 0) throw new ArrowDamage("it became shorter while it was read");
        done += bytesRead;
      }
      return bytes;
    },
  };
}

/** Bytes one after the other, from the first. */
export function inSequence(bytes: RandomBytes): SequentialBytes {
  let offset = 0;
  return {
    get left() {
      return bytes.size - offset;
    },
    arrived: new Uint8Array(0),
    async take(length) {
      const part = await bytes.read(offset, Math.min(length, bytes.size - offset));
      offset += part.length;
      return part;
    },
  };
}

/** Bytes of a stream as they come. @throws {@link ArrowDamage} for pieces that are not bytes */
export function bytesOfStream(pieces: AsyncIterator<Uint8Array>): SequentialBytes {
  let waiting: Uint8Array = new Uint8Array(0);
  return {
    left: undefined,
    get arrived() {
      return waiting;
    },
    async take(length) {
      const parts: Uint8Array[] = [];
      let found = 0;
      for (;;) {
        const part = waiting.subarray(0, length - found);
        waiting = waiting.subarray(part.length);
        parts.push(part);
        found += part.length;
        if (found === length) break;
        const next = await pieces.next();
        if (next.done === true) break;
        if (!(next.value instanceof Uint8Array))
          throw new ArrowDamage("a piece of the stream is not a Uint8Array");
        waiting = next.value;
      }
      return parts.length === 1 ? (parts[0] ?? waiting) : Buffer.concat(parts);
    },
  };
}

function assertWithin(offset: number, length: number, size: number): void {
  if (offset < 0 || length < 0 || offset + length > size)
    throw new ArrowDamage(`${length} bytes at ${offset} are outside its ${size} bytes`);
}
