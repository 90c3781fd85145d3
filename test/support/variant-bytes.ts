import { readFileSync, writeFileSync } from "node:fs";
import { parquetMetadata, parquetReadObjects } from "hyparquet";
import { compressors } from "hyparquet-compressors";

/** A variant's two parts. */
export interface VariantParts {
  readonly metadata: Uint8Array;
  readonly value: Uint8Array;
}

/**
 * Decodes a variant by Parquet's VariantEncoding.md, apart from varve's own decoder: each value as text with
 * its type, arrays as arrays, objects as `Map`s in the order of their fields.
 */
export function decodeVariant({ metadata, value }: VariantParts): unknown {
  return new Decoder(metadata, value).at(0).value;
}

const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

class Decoder {
  readonly #bytes: Buffer;
  readonly #names: readonly string[];

  constructor(metadata: Uint8Array, value: Uint8Array) {
    this.#bytes = Buffer.from(value);
    this.#names = namesOf(Buffer.from(metadata));
  }

  at(offset: number): { readonly value: unknown; readonly end: number } {
    const head = this.#bytes.readUInt8(offset);
    const header = head >> 2;
    if ((head & 3) === 0) return this.#primitive(header, offset + 1);
    if ((head & 3) === 1) {
      const end = offset + 1 + header;
      return { value: `text ${text.decode(this.#slice(offset + 1, end))}`, end };
    }
    const isObject = (head & 3) === 2;
    const offsetSize = (header & 3) + 1;
    const idSize = isObject ? ((header >> 2) & 3) + 1 : 0;
    const countSize = (header & (isObject ? 16 : 4)) === 0 ? 1 : 4;
    const count = this.#bytes.readUIntLE(offset + 1, countSize);
    const ids = offset + 1 + countSize;
    const offsets = ids + count * idSize;
    const data = offsets + (count + 1) * offsetSize;
    const item = (index: number) => this.#bytes.readUIntLE(offsets + index * offsetSize, offsetSize);
    const values = Array.from({ length: count }, (_, index) => this.at(data + item(index)).value);
    const end = data + item(count);
    if (!isObject) return { value: values, end };
    const fields = values.map((value, index) => {
      const name = this.#names[this.#bytes.readUIntLE(ids + index * idSize, idSize)];
      if (name === undefined) throw new Error("a field without a name");
      return [name, value] as const;
    });
    const object = new Map(fields);
    if (object.size !== count) throw new Error("a name that repeats");
    const sorted = [...fields].sort(([one], [other]) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
    if (sorted.some((field, index) => field !== fields[index])) throw new Error("names out of order");
    return { value: object, end };
  }

  #primitive(type: number, offset: number): { readonly value: unknown; readonly end: number } {
    const bytes = this.#bytes;
    const whole = (size: number) =>
      size === 8 ? bytes.readBigInt64LE(offset) : bytes.readIntLE(offset, size);
    const simple = (kind: string, size: number) => ({ value: `${kind} ${whole(size)}`, end: offset + size });
    const decimal = (size: number) => {
      let unscaled = 0n;
      for (let byte = size; byte > 0; byte--)
        unscaled = (unscaled << 8n) | BigInt(bytes.readUInt8(offset + byte));
      return {
        value: `decimal ${BigInt.asIntN(size * 8, unscaled)}e-${bytes.readUInt8(offset)}`,
        end: offset + 1 + size,
      };
    };
    const counted = (show: (from: number, to: number) => string) => {
      const [from, to] = [offset + 4, offset + 4 + bytes.readUInt32LE(offset)];
      return { value: show(from, to), end: to };
    };
    switch (type) {
      case 0:
        return { value: null, end: offset };
      case 1:
      case 2:
        return { value: type === 1, end: offset };
      case 3:
      case 4:
      case 5:
      case 6:
        return simple("int", 2 ** (type - 3));
      case 7: {
        const value = bytes.readDoubleLE(offset);
        return { value: `double ${Object.is(value, -0) ? "-0" : value}`, end: offset + 8 };
      }
      case 8:
      case 9:
      case 10:
        return decimal(2 ** (type - 6));
      case 11:
        return simple("date", 4);
      case 12:
        return simple("timestamp", 8);
      case 13:
        return simple("timestamp_ntz", 8);
      case 14:
        return { value: `float ${bytes.readFloatLE(offset)}`, end: offset + 4 };
      case 15:
        return counted((from, to) => `binary ${this.#slice(from, to).toString("hex")}`);
      case 16:
        return counted((from, to) => `text ${text.decode(this.#slice(from, to))}`);
      case 17:
        return simple("time", 8);
      case 18:
        return simple("nanoseconds", 8);
      case 19:
        return simple("nanoseconds_ntz", 8);
      case 20:
        return { value: `uuid ${this.#slice(offset, offset + 16).toString("hex")}`, end: offset + 16 };
      default:
        throw new Error(`no type ${type}`);
    }
  }

  #slice(from: number, to: number): Buffer {
    if (to > this.#bytes.length) throw new Error("beyond the end");
    return this.#bytes.subarray(from, to);
  }
}

function namesOf(metadata: Buffer): string[] {
  if ((metadata.readUInt8(0) & 15) !== 1) throw new Error("not version 1");
  const size = (metadata.readUInt8(0) >> 6) + 1;
  const count = metadata.readUIntLE(1, size);
  const from = 1 + size;
  const start = from + (count + 1) * size;
  const at = (index: number) => start + metadata.readUIntLE(from + index * size, size);
  return Array.from({ length: count }, (_, index) =>
    text.decode(metadata.subarray(at(index), at(index + 1))),
  );
}

/** The parts of a variant column of a written data file, which are two columns of bytes, by hyparquet. */
export async function partsOfFile(file: string, column: string): Promise<(VariantParts | null)[]> {
  const bytes = readFileSync(file);
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  const metadata = parquetMetadata(buffer);
  const schema = metadata.schema.map(({ converted_type: _, logical_type: __, ...plain }) => plain);
  const rows = await parquetReadObjects({
    file: buffer,
    metadata: { ...metadata, schema },
    compressors,
    utf8: false,
  });
  return rows.map((row) => (row[column] ?? null) as VariantParts | null);
}

/**
 * Makes Parquet's annotation of a variant of two columns of bytes (and a third member where it is shredded),
 * which were written by the engine as a struct of a column that is named by one letter.
 */
export function annotateVariant(file: string, column: string, members = 2): void {
  const bytes = readFileSync(file);
  const footerBytes = bytes.readUInt32LE(bytes.length - 8);
  const from = bytes.length - 8 - footerBytes;
  // repetition, name, and number of children of the schema element
  const group = Buffer.from([0x18, 0x01, column.charCodeAt(0), 0x15, members * 2]);
  const at = bytes.indexOf(group, from) + group.length;
  if (at < from + group.length) throw new Error(`no group ${column}`);
  const annotation = Buffer.from([0x5c, 0x0c, 0x20, 0x00, 0x00]);
  const end = Buffer.from(bytes.subarray(-8));
  end.writeUInt32LE(footerBytes + annotation.length, 0);
  writeFileSync(file, Buffer.concat([bytes.subarray(0, at), annotation, bytes.subarray(at, -8), end]));
}

/** The value bytes of arrays, each in the next, in hexadecimal digits. */
export function nestedArrays(depth: number): string {
  const parts: string[] = [];
  for (let level = 0, size = 1; level < depth; level++, size += 10) {
    const end = Buffer.alloc(4);
    end.writeUInt32LE(size);
    parts.push(`0f0100000000${end.toString("hex")}`);
  }
  return `${parts.reverse().join("")}00`;
}
