import { ArrowDamage, assertSound } from "./damage.ts";

/** https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md */
const magic = 0x184d2204;
const skippableMagic = 0x184d2a50;
const storedBlock = 0x80000000;
/** Shortest match of an LZ4 block (lz4_Block_format.md). */
const shortestMatch = 4;

/**
 * The content of LZ4 frames, which must be of exactly `length` bytes. Checksums are not compared: Arrow writes
 * none.
 *
 * @throws {@link ArrowDamage}
 */
export function decodeLz4(source: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
  const view = new DataView(source.buffer, source.byteOffset, source.byteLength);
  const output = new Uint8Array(length);
  let written = 0;
  for (let offset = 0; offset < source.length; ) {
    assertSound(offset + 4 <= source.length, () => "its LZ4 data is cut");
    const start = view.getUint32(offset, true);
    if ((start & 0xfffffff0) >>> 0 === skippableMagic) {
      assertSound(offset + 8 <= source.length, () => "its LZ4 data is cut");
      offset += 8 + view.getUint32(offset + 4, true);
      continue;
    }
    assertSound(start === magic, () => "its LZ4 data does not begin as a frame");
    [offset, written] = decodeFrame(view, offset + 4, output, written);
  }
  assertSound(written === length, () => `its LZ4 data has ${written} bytes instead of ${length}`);
  return output;
}

/**
 * The content of a block that stands without a frame, which must be of exactly `length` bytes.
 *
 * @throws {@link ArrowDamage}
 * @see https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md
 */
export function decodeLz4Block(source: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
  const output = new Uint8Array(length);
  const written = decodeBlock(source, output, 0, 0);
  assertSound(written === length, () => `its LZ4 data has ${written} bytes instead of ${length}`);
  return output;
}

/** Decodes the frame whose descriptor begins at `at`; returns where it ends, there and in the output. */
function decodeFrame(view: DataView, offset: number, output: Uint8Array, written: number): [number, number] {
  const cut = () => "its LZ4 data is cut";
  assertSound(offset + 3 <= view.byteLength, cut);
  const flags = view.getUint8(offset);
  const [version, areIndependent] = [flags >> 6, (flags & 0x20) !== 0];
  const [hasBlockChecksum, hasSize, hasChecksum] = [flags & 0x10, flags & 0x08, flags & 0x04];
  assertSound(version === 1, () => `its LZ4 data has the unknown version ${version}`);
  assertSound((flags & 0x01) === 0, () => "its LZ4 data needs a dictionary");
  const frameStart = written;
  let next = offset + 3 + (hasSize ? 8 : 0);
  for (;;) {
    assertSound(next + 4 <= view.byteLength, cut);
    const header = view.getUint32(next, true);
    next += 4;
    if (header === 0) break;
    const size = header & ~storedBlock;
    assertSound(next + size <= view.byteLength, cut);
    const block = new Uint8Array(view.buffer, view.byteOffset + next, size);
    if ((header & storedBlock) === 0)
      written = decodeBlock(block, output, written, areIndependent ? written : frameStart);
    else {
      assertSound(written + size <= output.length, tooLong);
      output.set(block, written);
      written += size;
    }
    next += size + (hasBlockChecksum ? 4 : 0);
  }
  next += hasChecksum ? 4 : 0;
  assertSound(next <= view.byteLength, cut);
  return [next, written];
}

/** Decodes a block whose matches may reach back to `oldest`; returns where the output ends. */
function decodeBlock(block: Uint8Array, output: Uint8Array, written: number, oldest: number): number {
  let offset = 0;
  let to = written;
  const lengthFrom = (nibble: number): number => {
    if (nibble < 15) return nibble;
    let length = nibble;
    for (;;) {
      const byte = block[offset++];
      if (byte === undefined) throw new ArrowDamage("its LZ4 data is cut");
      length += byte;
      if (byte !== 255) return length;
    }
  };
  while (offset < block.length) {
    const token = block[offset++] ?? 0;
    const literals = lengthFrom(token >> 4);
    assertSound(offset + literals <= block.length, () => "its LZ4 data is cut");
    assertSound(to + literals <= output.length, tooLong);
    if (literals > 32) output.set(block.subarray(offset, offset + literals), to);
    else for (let k = 0; k < literals; k++) output[to + k] = block[offset + k] ?? 0;
    offset += literals;
    to += literals;
    if (offset === block.length) return to;
    assertSound(offset + 2 <= block.length, () => "its LZ4 data is cut");
    const distance = (block[offset] ?? 0) | ((block[offset + 1] ?? 0) << 8);
    offset += 2;
    const length = lengthFrom(token & 15) + shortestMatch;
    assertSound(
      distance > 0 && to - distance >= oldest,
      () => "its LZ4 data refers to bytes before its first",
    );
    assertSound(to + length <= output.length, tooLong);
    copyMatch(output, to, distance, length);
    to += length;
  }
  return to;
}

/** A match may reach into itself: then its first bytes repeat. */
function copyMatch(output: Uint8Array, to: number, distance: number, length: number): void {
  if (length < 32) {
    for (let k = 0; k < length; k++) output[to + k] = output[to + k - distance] ?? 0;
    return;
  }
  let known = Math.min(distance, length);
  output.copyWithin(to, to - distance, to - distance + known);
  // What is copied already doubles with every step.
  for (; known < length; known *= 2) output.copyWithin(to + known, to, to + Math.min(known, length - known));
}

function tooLong(): string {
  return "its LZ4 data has more bytes than are stated";
}
