import type { Vector } from "@duckdb/node-bindings";
import type { Driver } from "../driver.ts";
import { sqlType, type ValueType } from "../value-type.ts";
import { ExactNumber } from "./exact-number.ts";
import { parseBase64, parseDate, parseDecimal, parseTimestamp } from "./parse-values.ts";
import { inlineBytes, layOutBlock } from "./text-block.ts";

/** Rows of one data chunk of the engine. */
export const chunkRows = 2048;

/** Collects JavaScript values of one column (or nested level) in the engine's own layout and copies them over in one go. */
export interface ColumnBuilder {
  readonly type: ValueType;
  /** @throws {@link CellProblem} when the value is none of the type. */
  set(index: number, value: unknown): void;
  /** Copies the first `count` values to the vector and forgets them. */
  write(vector: Vector, count: number): void;
}

/** How values are read: `text` also takes what JSON cannot say otherwise (base64, `"NaN"`). */
export interface BuilderOptions {
  readonly driver: Driver;
  readonly fromText: boolean;
}

/** A value that does not fit its column; whoever knows the row turns it into an error. */
export class CellProblem extends Error {
  readonly expected: string;
  readonly value: unknown;
  path: string[] = [];

  constructor(expected: string, value: unknown) {
    super(`expected ${expected}`);
    this.expected = expected;
    this.value = value;
  }
}

export function columnBuilder(options: BuilderOptions, type: ValueType): ColumnBuilder {
  switch (type.kind) {
    case "null":
      return fixedBuilder(options, type, 4, () => undefined);
    case "boolean":
      return fixedBuilder(options, type, 1, (data) => (at, value) => {
        if (typeof value !== "boolean") return false;
        data.bytes[at] = value ? 1 : 0;
        return true;
      });
    case "integer":
      return type.bits === 64 ? bigintBuilder(options, type) : integerBuilder(options, type, type.bits);
    case "float":
    case "double":
      return floatBuilder(options, type);
    case "decimal":
      return decimalBuilder(options, type);
    case "date":
      return fixedBuilder(options, type, 4, (data) => (at, value) => {
        const days = parseDate(value);
        if (days === undefined) return false;
        data.view.setInt32(at * 4, days, true);
        return true;
      });
    case "timestamp":
      return fixedBuilder(options, type, 8, (data) => (at, value) => {
        if (value instanceof Date) return putInteger(data.view, at * 8, value.getTime() * 1000);
        const micros = parseTimestamp(value, type.zoned);
        if (micros === undefined) return false;
        data.view.setBigInt64(at * 8, micros, true);
        return true;
      });
    case "text":
      return textBuilder(options, type);
    case "binary":
      return binaryBuilder(options, type);
    case "struct":
      return structBuilder(options, type);
    case "list":
      return listBuilder(options, type);
    case "map":
      return mapBuilder(options, type);
  }
}

/** Which values are not null, one bit each, in the engine's (and Arrow's) order. */
class Validity {
  #bits = new Uint8Array(chunkRows / 8).fill(255);
  #anyNull = false;

  clear(index: number): void {
    const byte = index >> 3;
    if (byte >= this.#bits.length) {
      const grown = new Uint8Array(Math.max(this.#bits.length * 2, byte + 1)).fill(255);
      grown.set(this.#bits);
      this.#bits = grown;
    }
    this.#bits[byte] = (this.#bits[byte] ?? 255) & ~(1 << (index & 7));
    this.#anyNull = true;
  }

  write({ bindings }: Driver, vector: Vector, count: number): void {
    if (!this.#anyNull) return;
    bindings.vector_ensure_validity_writable(vector);
    const bytes = Math.min((count + 7) >> 3, this.#bits.length);
    bindings.copy_data_to_vector_validity(vector, 0, this.#bits.buffer, 0, bytes);
    this.#bits.fill(255);
    this.#anyNull = false;
  }
}

/** Values of `width` bytes each, growing for nested levels, that may hold more of them than a chunk has rows. */
class FixedData {
  readonly width: number;
  bytes: Uint8Array<ArrayBuffer>;
  view: DataView<ArrayBuffer>;

  constructor(width: number) {
    this.width = width;
    this.bytes = new Uint8Array(chunkRows * width);
    this.view = new DataView(this.bytes.buffer);
  }

  reserve(index: number): void {
    if ((index + 1) * this.width <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, (index + 1) * this.width));
    grown.set(this.bytes);
    this.bytes = grown;
    this.view = new DataView(grown.buffer);
  }

  write({ bindings }: Driver, vector: Vector, count: number): void {
    if (count > 0) bindings.copy_data_to_vector(vector, 0, this.bytes.buffer, 0, count * this.width);
  }
}

type Put = (at: number, value: NonNullable<unknown>) => boolean;

function fixedBuilder(
  options: BuilderOptions,
  type: ValueType,
  width: number,
  makePut: (data: FixedData) => Put | undefined,
): ColumnBuilder {
  const data = new FixedData(width);
  const validity = new Validity();
  const put = makePut(data);
  return {
    type,
    set(index, value) {
      data.reserve(index);
      if (value === null || value === undefined) validity.clear(index);
      else if (put === undefined || !put(index, value)) throw new CellProblem(sqlType(type), value);
    },
    write(vector, count) {
      data.write(options.driver, vector, count);
      validity.write(options.driver, vector, count);
    },
  };
}

function integerBuilder(options: BuilderOptions, type: ValueType, bits: 8 | 16 | 32): ColumnBuilder {
  const limit = 2 ** (bits - 1);
  return fixedBuilder(options, type, bits / 8, (data) => {
    const store = { 8: storeInt8, 16: storeInt16, 32: storeInt32 }[bits];
    return (at, value) => {
      const number = typeof value === "bigint" ? Number(value) : value;
      if (typeof number !== "number" || !Number.isInteger(number) || number < -limit || number >= limit) return false;
      store(data, at, number);
      return true;
    };
  });
}

function storeInt8(data: FixedData, at: number, value: number): void {
  data.view.setInt8(at, value);
}

function storeInt16(data: FixedData, at: number, value: number): void {
  data.view.setInt16(at * 2, value, true);
}

function storeInt32(data: FixedData, at: number, value: number): void {
  data.view.setInt32(at * 4, value, true);
}

function bigintBuilder(options: BuilderOptions, type: ValueType): ColumnBuilder {
  return fixedBuilder(options, type, 8, (data) => (at, value) => {
    if (typeof value === "number") return putInteger(data.view, at * 8, value);
    if (typeof value !== "bigint" || BigInt.asIntN(64, value) !== value) return false;
    data.view.setBigInt64(at * 8, value, true);
    return true;
  });
}

/** Stores a safe integer as 64 bits without making a `bigint` of it. */
function putInteger(view: DataView, offset: number, value: number): boolean {
  if (!Number.isSafeInteger(value)) return false;
  view.setInt32(offset, value | 0, true);
  view.setInt32(offset + 4, Math.floor(value / 4_294_967_296), true);
  return true;
}

const nonFinite: Readonly<Record<string, number>> = {
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  "-Infinity": Number.NEGATIVE_INFINITY,
};

function floatBuilder(options: BuilderOptions, type: ValueType): ColumnBuilder {
  const isSingle = type.kind === "float";
  return fixedBuilder(options, type, isSingle ? 4 : 8, (data) => (at, value) => {
    const number = doubleOf(value, options.fromText);
    if (number === undefined) return false;
    if (isSingle) {
      if (Number.isFinite(number) && !Number.isFinite(Math.fround(number))) return false;
      data.view.setFloat32(at * 4, number, true);
    } else data.view.setFloat64(at * 8, number, true);
    return true;
  });
}

function doubleOf(value: unknown, fromText: boolean): number | undefined {
  if (typeof value === "number") return value;
  if (typeof value === "bigint") return BigInt(Number(value)) === value ? Number(value) : undefined;
  if (value instanceof ExactNumber) return value.value;
  return fromText && typeof value === "string" ? nonFinite[value] : undefined;
}

function decimalBuilder(
  options: BuilderOptions,
  type: { readonly kind: "decimal"; readonly width: number; readonly scale: number },
): ColumnBuilder {
  const bytes = type.width <= 4 ? 2 : type.width <= 9 ? 4 : type.width <= 18 ? 8 : 16;
  return fixedBuilder(options, type, bytes, (data) => (at, value) => {
    const unscaled = parseDecimal(value, type.width, type.scale);
    if (unscaled === undefined) return false;
    if (bytes === 2) data.view.setInt16(at * 2, Number(unscaled), true);
    else if (bytes === 4) data.view.setInt32(at * 4, Number(unscaled), true);
    else data.view.setBigInt64(at * bytes, BigInt.asIntN(64, unscaled), true);
    if (bytes === 16) data.view.setBigInt64(at * 16 + 8, unscaled >> 64n, true);
    return true;
  });
}

/** With the `u` flag only surrogates without their partner match; UTF-8 cannot say them. */
const loneSurrogate = /[\ud800-\udfff]/u;

/** Short ASCII texts are laid out here; the others of a chunk go over together. */
function textBuilder(options: BuilderOptions, type: ValueType): ColumnBuilder {
  const data = new FixedData(16);
  const validity = new Validity();
  const encoder = new TextEncoder();
  let texts: string[] = [];
  let positions: number[] = [];
  let block = new Uint8Array(65_536);
  return {
    type,
    set(index, value) {
      data.reserve(index);
      if (typeof value === "string") {
        if (putInline(data, index * 16, value)) return;
        if (loneSurrogate.test(value)) throw new CellProblem("text without lone surrogates", value);
        texts.push(value);
        positions.push(index);
      } else if (value === null || value === undefined) {
        validity.clear(index);
        data.bytes.fill(0, index * 16, index * 16 + 16);
      } else throw new CellProblem(sqlType(type), value);
    },
    write(vector, count) {
      if (positions.length > 0) {
        const all = texts.join("");
        if (block.length < all.length * 3) block = new Uint8Array(all.length * 4);
        const { written } = encoder.encodeInto(all, block);
        const starts = startsOf(texts, written === all.length);
        layOutBlock(options.driver, vector, data.view, block.subarray(0, written), positions, starts);
        texts = [];
        positions = [];
      }
      data.write(options.driver, vector, count);
      validity.write(options.driver, vector, count);
    },
  };
}

function startsOf(texts: readonly string[], isAscii: boolean): Float64Array {
  const starts = new Float64Array(texts.length + 1);
  let total = 0;
  for (let at = 0; at < texts.length; at++) {
    const text = texts[at] ?? "";
    total += isAscii ? text.length : Buffer.byteLength(text);
    starts[at + 1] = total;
  }
  return starts;
}

function putInline({ bytes }: FixedData, base: number, text: string): boolean {
  const length = text.length;
  if (length > inlineBytes) return false;
  for (let at = 0; at < length; at++) {
    const code = text.charCodeAt(at);
    if (code > 127) return false;
    bytes[base + 4 + at] = code;
  }
  bytes[base] = length;
  bytes[base + 1] = 0;
  bytes[base + 2] = 0;
  bytes[base + 3] = 0;
  for (let at = length; at < inlineBytes; at++) bytes[base + 4 + at] = 0;
  return true;
}

function binaryBuilder(options: BuilderOptions, type: ValueType): ColumnBuilder {
  const data = new FixedData(16);
  const validity = new Validity();
  let values: Uint8Array[] = [];
  let positions: number[] = [];
  return {
    type,
    set(index, value) {
      data.reserve(index);
      if (value === null || value === undefined) {
        validity.clear(index);
        data.bytes.fill(0, index * 16, index * 16 + 16);
        return;
      }
      const bytes = bytesOf(value, options.fromText);
      if (bytes === undefined) throw new CellProblem(sqlType(type), value);
      values.push(bytes);
      positions.push(index);
    },
    write(vector, count) {
      if (positions.length > 0) {
        const starts = new Float64Array(values.length + 1);
        for (let at = 0; at < values.length; at++) starts[at + 1] = (starts[at] ?? 0) + (values[at]?.length ?? 0);
        layOutBlock(options.driver, vector, data.view, Buffer.concat(values), positions, starts);
        values = [];
        positions = [];
      }
      data.write(options.driver, vector, count);
      validity.write(options.driver, vector, count);
    },
  };
}

function bytesOf(value: unknown, fromText: boolean): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value;
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  return fromText && typeof value === "string" ? parseBase64(value) : undefined;
}

function structBuilder(options: BuilderOptions, type: Extract<ValueType, { kind: "struct" }>): ColumnBuilder {
  const { bindings } = options.driver;
  const validity = new Validity();
  const children = type.fields.map((field) => ({ name: field.name, builder: columnBuilder(options, field.type) }));
  const names = new Set(type.fields.map((field) => field.name));
  return {
    type,
    set(index, value) {
      if (value === null || value === undefined) {
        validity.clear(index);
        for (const { builder } of children) builder.set(index, null);
        return;
      }
      if (!isPlainObject(value)) throw new CellProblem(sqlType(type), value);
      for (const name in value) if (!names.has(name)) throw inPath(new CellProblem("no such field", value[name]), name);
      for (const { name, builder } of children) within(name, () => builder.set(index, value[name]));
    },
    write(vector, count) {
      children.forEach(({ builder }, at) => {
        builder.write(bindings.struct_vector_get_child(vector, at), count);
      });
      validity.write(options.driver, vector, count);
    },
  };
}

function listBuilder(options: BuilderOptions, type: Extract<ValueType, { kind: "list" }>): ColumnBuilder {
  const { bindings } = options.driver;
  const entries = new ListEntries(options.driver);
  const child = columnBuilder(options, type.element);
  return {
    type,
    set(index, value) {
      if (value === null || value === undefined) return entries.setNull(index);
      const items = Array.isArray(value) || isNumberArray(value) ? value : undefined;
      if (items === undefined) throw new CellProblem(sqlType(type), value);
      const start = entries.add(index, items.length);
      for (let at = 0; at < items.length; at++) within("element", () => child.set(start + at, items[at]));
    },
    write(vector, count) {
      const total = entries.write(vector, count);
      child.write(bindings.list_vector_get_child(vector), total);
    },
  };
}

/** The engine keeps a map as a list of structs of key and value. */
function mapBuilder(options: BuilderOptions, type: Extract<ValueType, { kind: "map" }>): ColumnBuilder {
  const { bindings } = options.driver;
  const entries = new ListEntries(options.driver);
  const keys = columnBuilder(options, type.key);
  const values = columnBuilder(options, type.value);
  return {
    type,
    set(index, value) {
      if (value === null || value === undefined) return entries.setNull(index);
      const pairs = pairsOf(value);
      if (pairs === undefined) throw new CellProblem(sqlType(type), value);
      const start = entries.add(index, pairs.length);
      const seen = new Set<unknown>();
      pairs.forEach(([key, item], at) => {
        if (key === null || key === undefined) throw inPath(new CellProblem("a map key that is not null", key), "key");
        if (seen.has(key)) throw inPath(new CellProblem("map keys that are not repeated", key), "key");
        seen.add(key);
        within("key", () => keys.set(start + at, key));
        within("value", () => values.set(start + at, item));
      });
    },
    write(vector, count) {
      const total = entries.write(vector, count);
      const child = bindings.list_vector_get_child(vector);
      keys.write(bindings.struct_vector_get_child(child, 0), total);
      values.write(bindings.struct_vector_get_child(child, 1), total);
    },
  };
}

/** Offset and length of each list of a chunk, as the engine lays them out. */
class ListEntries {
  readonly #driver: Driver;
  readonly #data = new FixedData(16);
  readonly #validity = new Validity();
  #total = 0;

  constructor(driver: Driver) {
    this.#driver = driver;
  }

  add(index: number, length: number): number {
    const start = this.#total;
    this.#put(index, length);
    this.#total += length;
    return start;
  }

  setNull(index: number): void {
    this.#put(index, 0);
    this.#validity.clear(index);
  }

  /** Returns the number of elements below. */
  write(vector: Vector, count: number): number {
    const { bindings } = this.#driver;
    const total = this.#total;
    bindings.list_vector_reserve(vector, total);
    bindings.list_vector_set_size(vector, total);
    this.#data.write(this.#driver, vector, count);
    this.#validity.write(this.#driver, vector, count);
    this.#total = 0;
    return total;
  }

  #put(index: number, length: number): void {
    this.#data.reserve(index);
    const { view } = this.#data;
    view.setUint32(index * 16, this.#total, true);
    view.setUint32(index * 16 + 4, 0, true);
    view.setUint32(index * 16 + 8, length, true);
    view.setUint32(index * 16 + 12, 0, true);
  }
}

/** Entries of a `Map`, of an array of pairs, or of a plain object. */
function pairsOf(value: unknown): readonly (readonly [unknown, unknown])[] | undefined {
  if (value instanceof Map) return [...value.entries()];
  if (Array.isArray(value)) return value.every(isPair) ? value : undefined;
  return isPlainObject(value) ? Object.entries(value) : undefined;
}

function isPair(value: unknown): value is readonly [unknown, unknown] {
  return Array.isArray(value) && value.length === 2;
}

export function isPlainObject(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    !ArrayBuffer.isView(value) &&
    !(value instanceof Date || value instanceof Map || value instanceof Set || value instanceof ArrayBuffer || value instanceof ExactNumber)
  );
}

/** Typed arrays other than bytes, which are BLOBs. */
export function isNumberArray(value: unknown): value is ArrayLike<number | bigint> & object {
  return ArrayBuffer.isView(value) && !(value instanceof DataView) && !(value instanceof Uint8Array);
}

function within(name: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    throw error instanceof CellProblem ? inPath(error, name) : error;
  }
}

function inPath(problem: CellProblem, name: string): CellProblem {
  problem.path.unshift(name);
  return problem;
}
