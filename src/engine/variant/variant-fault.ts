import { timestampText } from "../core/temporal-text.ts";
import { littleEndian } from "./variant-bytes.ts";

/** As deep as varve reads variants; the engine's own decoder ends the process far below. */
const maxDepth = 1000;
const nanosecondsOfMicrosecond = 1000n;
const microsecondsOfDay = 86_400_000_000n;
const endlessDays = 2_147_483_647;
const endlessMicroseconds = 2n ** 63n - 1n;
const widestDecimal = 10n ** 38n;

/**
 * What keeps a binary variant from becoming the engine's VARIANT as what it is: damage, by Parquet's
 * VariantEncoding.md, of which the engine notices less and some only by ending the process; and what that
 * type does not hold, which the engine would change: moments with nanoseconds and a zone, a name that
 * repeats.
 *
 * @returns a noun phrase for a message, null for a variant that is sound
 */
export function variantFault(metadata: Uint8Array, value: Uint8Array): string | null {
  try {
    new VariantCheck(namesOf(metadata), value).check(0, 0);
    return null;
  } catch (error) {
    if (error instanceof Fault) return error.message;
    throw error;
  }
}

/** Whether a fault is no damage, but something that the engine's VARIANT cannot hold, or varve not read. */
export function isBeyondEngine(fault: string): boolean {
  return /^(?:the moment|an endless|values nested deeper|a value of the unknown primitive type) /.test(fault);
}

class Fault extends Error {}

/** The names of a dictionary. */
interface Dictionary {
  readonly bytes: Buffer;
  readonly names: readonly string[];
}

/** The rows of a column mostly share their dictionary. */
let lastDictionary: Dictionary = { bytes: Buffer.alloc(0), names: [] };

function namesOf(metadata: Uint8Array): readonly string[] {
  if (lastDictionary.bytes.length > 0 && lastDictionary.bytes.equals(metadata)) return lastDictionary.names;
  const names = readNames(metadata);
  lastDictionary = { bytes: Buffer.from(metadata), names };
  return names;
}

function readNames(metadata: Uint8Array): readonly string[] {
  const header = metadata[0] ?? 0;
  if ((header & 15) !== 1) throw new Fault("a dictionary that is not of version 1");
  const size = (header >> 6) + 1;
  const count = littleEndian(metadata, 1, size);
  const start = 1 + size + (count + 1) * size;
  if (start > metadata.length) throw new Fault("a dictionary that ends early");
  const names: string[] = [];
  let from = start + littleEndian(metadata, 1 + size, size);
  if (from !== start) throw new Fault("a dictionary whose names do not begin where they should");
  for (let index = 1; index <= count; index++) {
    const to = start + littleEndian(metadata, 1 + size + index * size, size);
    if (to < from || to > metadata.length) throw new Fault("a dictionary that ends early");
    names.push(utf8(metadata.subarray(from, to)));
    from = to;
  }
  if (from !== metadata.length) throw new Fault("a dictionary with bytes after its names");
  return names;
}

/** Bytes of a primitive's fixed part, by type. */
const primitiveBytes: readonly number[] = [0, 0, 0, 1, 2, 4, 8, 8, 5, 9, 17, 4, 8, 8, 4, 4, 4, 8, 8, 8, 16];

class VariantCheck {
  readonly #names: readonly string[];
  readonly #bytes: Buffer;
  /** Values that do not overlap are no more than bytes. */
  #values = 0;

  constructor(names: readonly string[], value: Uint8Array) {
    this.#names = names;
    this.#bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  }

  check(offset: number, depth: number): void {
    if (depth > maxDepth) throw new Fault(`values nested deeper than ${maxDepth}`);
    const head = this.#slice(offset, 1)[0] ?? 0;
    if (++this.#values > this.#bytes.length) throw new Fault("values that overlap");
    const header = head >> 2;
    switch (head & 3) {
      case 0:
        this.#checkPrimitive(header, offset + 1);
        break;
      case 1:
        utf8(this.#slice(offset + 1, header));
        break;
      default:
        this.#checkNested(head, offset + 1, depth);
    }
  }

  #checkNested(head: number, offset: number, depth: number): void {
    const isObject = (head & 3) === 2;
    const offsetSize = ((head >> 2) & 3) + 1;
    const idSize = isObject ? ((head >> 4) & 3) + 1 : 0;
    const countSize = (head & (isObject ? 64 : 16)) === 0 ? 1 : 4;
    const count = littleEndian(this.#slice(offset, countSize), 0, countSize);
    const ids = offset + countSize;
    const offsets = ids + count * idSize;
    const data = offsets + (count + 1) * offsetSize;
    if (data > this.#bytes.length) throw early();
    if (isObject) this.#checkNames(ids, count, idSize);
    for (let index = 0; index < count; index++)
      this.check(data + littleEndian(this.#bytes, offsets + index * offsetSize, offsetSize), depth + 1);
  }

  #checkNames(ids: number, count: number, idSize: number): void {
    const seen = new Set<string>();
    for (let index = 0; index < count; index++) {
      const name = this.#names[littleEndian(this.#bytes, ids + index * idSize, idSize)];
      if (name === undefined) throw new Fault("a field whose name is not in the dictionary");
      if (seen.has(name)) throw new Fault(`the name ${JSON.stringify(name)} twice in one object`);
      seen.add(name);
    }
  }

  #checkPrimitive(type: number, offset: number): void {
    const size = primitiveBytes[type];
    if (size === undefined) throw new Fault(`a value of the unknown primitive type ${type}`);
    const bytes = this.#slice(offset, size);
    if (type === 8) checkDecimal(BigInt(bytes.readInt32LE(1)), 32, bytes.readUInt8(0));
    if (type === 9) checkDecimal(bytes.readBigInt64LE(1), 64, bytes.readUInt8(0));
    if (type === 10) {
      const unscaled = (bytes.readBigInt64LE(9) << 64n) + bytes.readBigUInt64LE(1);
      checkDecimal(unscaled, 128, bytes.readUInt8(0));
    }
    if (type === 11 && Math.abs(bytes.readInt32LE(0)) === endlessDays) throw new Fault("an endless date");
    if (type === 12 || type === 13) checkMoment(bytes.readBigInt64LE(0));
    if (type === 15) this.#slice(offset + 4, bytes.readUInt32LE(0));
    if (type === 16) utf8(this.#slice(offset + 4, bytes.readUInt32LE(0)));
    if (type === 17) checkTime(bytes.readBigInt64LE(0));
    if (type === 18) checkNanoseconds(bytes.readBigInt64LE(0));
  }

  #slice(offset: number, length: number): Buffer {
    if (offset + length > this.#bytes.length) throw early();
    return this.#bytes.subarray(offset, offset + length);
  }
}

function early(): Fault {
  return new Fault("a value that ends early");
}

function checkDecimal(unscaled: bigint, bits: number, scale: number): void {
  if (scale > 38) throw new Fault(`a decimal of scale ${scale}`);
  // The engine fails at the smallest number of a width, which has more digits than the encoding allows for it.
  if (unscaled === -(1n << BigInt(bits - 1)) || unscaled <= -widestDecimal || unscaled >= widestDecimal)
    throw new Fault(`a decimal with more digits than ${bits} bits hold: ${unscaled}e-${scale}`);
}

/** The engine takes the outermost numbers, but one, for infinity. */
function checkMoment(microseconds: bigint): void {
  if (microseconds === endlessMicroseconds || microseconds === -endlessMicroseconds)
    throw new Fault("an endless moment");
}

function checkTime(microseconds: bigint): void {
  if (microseconds < 0n || microseconds > microsecondsOfDay)
    throw new Fault(`a time of day of ${microseconds} microseconds`);
}

function checkNanoseconds(nanoseconds: bigint): void {
  const rest = BigInt.asUintN(64, ((nanoseconds % 1000n) + 1000n) % 1000n);
  if (rest === 0n) return;
  const moment = timestampText((nanoseconds - rest) / nanosecondsOfMicrosecond, "");
  const text = `${moment}${rest.toString().padStart(3, "0")}Z`;
  throw new Fault(`the moment ${text}, of which a timestamp has microseconds only`);
}

function utf8(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) throw new Fault("a text that is not UTF-8");
    throw error;
  }
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
