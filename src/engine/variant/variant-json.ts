import { VarveError } from "../../errors.ts";
import { dateText, timestampText } from "../core/temporal-text.ts";

const maxDepth = 1000;
const microsOfDay = 86_400_000_000n;

/**
 * Writes a binary variant as JSON text, Parquet's "Variant Binary Encoding" (VariantEncoding.md).
 *
 * Whole numbers and decimals keep every digit; NaN and the infinities become texts, dates ISO texts,
 * timestamps `2024-01-31 10:00:00.000000+00:00` (without the offset where they have no zone), bytes base64.
 *
 * @throws `DATA_FILE_CORRUPT` for bytes that are no variant
 */
export function variantJson(metadata: Uint8Array, value: Uint8Array): string {
  return new VariantReader(metadata, value).json(0, 0);
}

class VariantReader {
  readonly #value: DataView;
  readonly #bytes: Uint8Array;
  readonly #metadata: Uint8Array;
  #names: readonly string[] | undefined;
  #values = 0;

  constructor(metadata: Uint8Array, value: Uint8Array) {
    this.#metadata = metadata;
    this.#bytes = value;
    this.#value = new DataView(value.buffer, value.byteOffset, value.byteLength);
  }

  json(offset: number, depth: number): string {
    if (depth > maxDepth) throw corrupt(`nested deeper than ${maxDepth}`);
    const first = this.#unsigned(offset, 1);
    // values that do not overlap are no more than bytes
    if (++this.#values > this.#bytes.length) throw corrupt("its values overlap");
    const header = first >> 2;
    switch (first & 3) {
      case 0:
        return this.#primitive(header, offset + 1);
      case 1:
        return JSON.stringify(this.#text(offset + 1, header));
      case 2:
        return this.#object(header, offset + 1, depth);
      default:
        return this.#array(header, offset + 1, depth);
    }
  }

  #object(header: number, offset: number, depth: number): string {
    const offsetSize = (header & 3) + 1;
    const idSize = ((header >> 2) & 3) + 1;
    const countSize = (header & 16) === 0 ? 1 : 4;
    const count = this.#count(offset, countSize, idSize + offsetSize);
    const ids = offset + countSize;
    const offsets = ids + count * idSize;
    const data = offsets + (count + 1) * offsetSize;
    const names = this.#dictionary();
    const entries = Array.from({ length: count }, (_, index) => {
      const name = names[this.#unsigned(ids + index * idSize, idSize)];
      if (name === undefined) throw corrupt("an object has a field that is not in its dictionary");
      return `${JSON.stringify(name)}:${this.json(data + this.#unsigned(offsets + index * offsetSize, offsetSize), depth + 1)}`;
    });
    return `{${entries.join(",")}}`;
  }

  #array(header: number, offset: number, depth: number): string {
    const offsetSize = (header & 3) + 1;
    const countSize = (header & 4) === 0 ? 1 : 4;
    const count = this.#count(offset, countSize, offsetSize);
    const offsets = offset + countSize;
    const data = offsets + (count + 1) * offsetSize;
    const items = Array.from({ length: count }, (_, index) =>
      this.json(data + this.#unsigned(offsets + index * offsetSize, offsetSize), depth + 1),
    );
    return `[${items.join(",")}]`;
  }

  #primitive(type: number, offset: number): string {
    this.#check(offset, primitiveBytes[type] ?? 0);
    switch (type) {
      case 0:
        return "null";
      case 1:
        return "true";
      case 2:
        return "false";
      case 3:
        return String(this.#value.getInt8(offset));
      case 4:
        return String(this.#value.getInt16(offset, true));
      case 5:
        return String(this.#value.getInt32(offset, true));
      case 6:
        return String(this.#value.getBigInt64(offset, true));
      case 7:
        return floatText(this.#value.getFloat64(offset, true));
      case 8:
        return decimalText(BigInt(this.#value.getInt32(offset + 1, true)), this.#value.getUint8(offset));
      case 9:
        return decimalText(this.#value.getBigInt64(offset + 1, true), this.#value.getUint8(offset));
      case 10:
        return decimalText(
          (this.#value.getBigInt64(offset + 9, true) << 64n) + this.#value.getBigUint64(offset + 1, true),
          this.#value.getUint8(offset),
        );
      case 11:
        return `"${dateText(this.#value.getInt32(offset, true))}"`;
      case 12:
        return `"${spaced(timestampText(this.#value.getBigInt64(offset, true), "+00:00"))}"`;
      case 13:
        return `"${spaced(timestampText(this.#value.getBigInt64(offset, true), ""))}"`;
      case 14:
        return floatText(shortestFloat(this.#value.getFloat32(offset, true)));
      default:
        return this.#laterPrimitive(type, offset);
    }
  }

  #laterPrimitive(type: number, offset: number): string {
    switch (type) {
      case 15:
        return `"${Buffer.from(this.#slice(offset + 4, this.#unsigned(offset, 4))).toString("base64")}"`;
      case 16:
        return JSON.stringify(this.#text(offset + 4, this.#unsigned(offset, 4)));
      case 17:
        return `"${timeText(this.#value.getBigInt64(offset, true))}"`;
      case 18:
        return `"${nanosText(this.#value.getBigInt64(offset, true))}+00:00"`;
      case 19:
        return `"${nanosText(this.#value.getBigInt64(offset, true))}"`;
      case 20:
        return `"${uuidText(this.#slice(offset, 16))}"`;
      default:
        throw corrupt(`unknown primitive type ${type}`);
    }
  }

  #dictionary(): readonly string[] {
    this.#names ??= readDictionary(this.#metadata);
    return this.#names;
  }

  /**
   * A count of items, refused where the items could not fit: what is allocated stays within the value's own
   * size.
   */
  #count(offset: number, size: number, itemBytes: number): number {
    const count = this.#unsigned(offset, size);
    if (count * itemBytes > this.#bytes.length)
      throw corrupt(`${count} items in ${this.#bytes.length} bytes`);
    return count;
  }

  #unsigned(offset: number, size: number): number {
    return unsigned(this.#slice(offset, size));
  }

  #text(offset: number, length: number): string {
    return utf8(this.#slice(offset, length));
  }

  #slice(offset: number, length: number): Uint8Array {
    this.#check(offset, length);
    return this.#bytes.subarray(offset, offset + length);
  }

  #check(offset: number, length: number): void {
    if (offset < 0 || offset + length > this.#bytes.length) throw corrupt("the value ends early");
  }
}

/** Bytes of a primitive's fixed part, by type. */
const primitiveBytes: readonly number[] = [0, 0, 0, 1, 2, 4, 8, 8, 5, 9, 17, 4, 8, 8, 4, 4, 4, 8, 8, 8, 16];

function readDictionary(metadata: Uint8Array): readonly string[] {
  const header = metadata[0];
  if (header === undefined || (header & 15) !== 1) throw corrupt("the dictionary is not of version 1");
  const size = ((header >> 6) & 3) + 1;
  const count = unsigned(part(metadata, 1, size));
  if (count * size > metadata.length) throw corrupt("the dictionary ends early");
  const text = 1 + size + (count + 1) * size;
  const offset = (index: number): number => unsigned(part(metadata, 1 + size + index * size, size));
  return Array.from({ length: count }, (_, index) =>
    utf8(part(metadata, text + offset(index), offset(index + 1) - offset(index))),
  );
}

function part(bytes: Uint8Array, offset: number, length: number): Uint8Array {
  if (length < 0 || offset + length > bytes.length) throw corrupt("the dictionary ends early");
  return bytes.subarray(offset, offset + length);
}

function unsigned(bytes: Uint8Array): number {
  return bytes.reduceRight((sum, byte) => sum * 256 + byte, 0);
}

function utf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw corrupt("a text is not UTF-8", error);
  }
}

function floatText(value: number): string {
  if (Object.is(value, -0)) return "-0.0";
  return Number.isFinite(value) ? JSON.stringify(value) : `"${value}"`;
}

/** The double with the fewest digits that is this float when rounded to one. */
function shortestFloat(value: number): number {
  const digits = [6, 7, 8].find((count) => Math.fround(Number(value.toPrecision(count))) === value);
  return Number.isFinite(value) ? Number(value.toPrecision(digits ?? 9)) : value;
}

function decimalText(unscaled: bigint, scale: number): string {
  if (scale > 38) throw corrupt(`a decimal of scale ${scale}`);
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, "0");
  const point = digits.length - scale;
  return `${unscaled < 0n ? "-" : ""}${digits.slice(0, point)}${scale > 0 ? `.${digits.slice(point)}` : ""}`;
}

function timeText(micros: bigint): string {
  // 24:00:00 is a time of the engine's
  if (micros === microsOfDay) return "24:00:00.000000";
  if (micros < 0n || micros > microsOfDay) throw corrupt(`a time of day of ${micros} microseconds`);
  return timestampText(micros, "").slice(11);
}

function nanosText(nanos: bigint): string {
  const rest = ((nanos % 1000n) + 1000n) % 1000n;
  return `${spaced(timestampText((nanos - rest) / 1000n, ""))}${rest.toString().padStart(3, "0")}`;
}

/** Spark writes the timestamps of a variant with a space. */
function spaced(timestamp: string): string {
  return timestamp.replace("T", " ");
}

function uuidText(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString("hex")
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

function corrupt(why: string, cause?: unknown): VarveError {
  return new VarveError(
    "DATA_FILE_CORRUPT",
    `Cannot decode a variant value: ${why}. The data file is damaged, or its writer was faulty.`,
    { reason: why },
    cause,
  );
}
