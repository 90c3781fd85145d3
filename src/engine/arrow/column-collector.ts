import type { Vector } from "@duckdb/node-bindings";
import { type Data, makeData } from "apache-arrow";
import type { Driver } from "../driver.ts";
import type { ValueType } from "../value-type.ts";
import { arrowType } from "./arrow-types.ts";
import { isValid, TextReader, validityBits, vectorBytes } from "./native-vector.ts";

/** Gathers the vectors of many chunks into one Arrow column. */
export interface ColumnCollector {
  /** Appends `count` values of a vector: the first ones, or those that `indices` names. */
  append(vector: Vector, count: number, indices?: Uint32Array): void;
  /** The Arrow column gathered so far; the collector is empty again afterwards. */
  finish(): Data;
}

export function columnCollector(driver: Driver, type: ValueType, capacity: number): ColumnCollector {
  switch (type.kind) {
    case "null":
      return nullCollector(type);
    case "boolean":
      return booleanCollector(driver, type, capacity);
    case "integer":
      return fixedCollector(driver, type, type.bits / 8, capacity);
    case "float":
    case "date":
      return fixedCollector(driver, type, 4, capacity);
    case "double":
    case "timestamp":
      return fixedCollector(driver, type, 8, capacity);
    case "decimal":
      return decimalCollector(driver, type, capacity);
    case "text":
    case "binary":
      return textCollector(driver, type, capacity);
    case "struct":
      return structCollector(driver, type, capacity);
    case "list":
      return listCollector(driver, type, capacity);
    case "map":
      return mapCollector(driver, type, capacity);
  }
}

/** Null bits of a growing column. */
class Bits {
  bytes: Uint8Array;
  length = 0;
  nulls = 0;
  readonly #driver: Driver;
  readonly #capacity: number;

  constructor(driver: Driver, capacity: number) {
    this.#driver = driver;
    this.#capacity = capacity;
    this.bytes = new Uint8Array(Math.ceil(capacity / 8) + 8);
  }

  append(vector: Vector, count: number, indices: Uint32Array | undefined): void {
    const size = indices === undefined ? count : largest(indices, count) + 1;
    this.push(validityBits(this.#driver, vector, size), count, indices);
  }

  push(source: Uint8Array | undefined, count: number, indices: Uint32Array | undefined): void {
    this.#reserve(count);
    if (source === undefined) this.#fill(count);
    else if (indices === undefined && (this.length & 7) === 0) this.#copy(source, count);
    else {
      for (let at = 0; at < count; at++) {
        const valid = isValid(source, indices === undefined ? at : (indices[at] ?? 0));
        this.pushBit(valid);
        if (!valid) this.nulls++;
      }
      return;
    }
    this.length += count;
  }

  pushBit(bit: boolean): void {
    if (bit) this.bytes[this.length >> 3] = (this.bytes[this.length >> 3] ?? 0) | (1 << (this.length & 7));
    this.length++;
  }

  reserveBits(count: number): void {
    this.#reserve(count);
  }

  take(): { readonly bitmap: Uint8Array | undefined; readonly nulls: number; readonly bytes: Uint8Array; readonly length: number } {
    const taken = { bitmap: this.nulls === 0 ? undefined : this.bytes, nulls: this.nulls, bytes: this.bytes, length: this.length };
    this.bytes = new Uint8Array(Math.ceil(this.#capacity / 8) + 8);
    this.length = 0;
    this.nulls = 0;
    return taken;
  }

  #reserve(count: number): void {
    const needed = Math.ceil((this.length + count) / 8) + 8;
    if (needed <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, needed));
    grown.set(this.bytes);
    this.bytes = grown;
  }

  #fill(count: number): void {
    let at = this.length;
    const end = at + count;
    while (at < end && (at & 7) !== 0) {
      this.bytes[at >> 3] = (this.bytes[at >> 3] ?? 0) | (1 << (at & 7));
      at++;
    }
    this.bytes.fill(255, at >> 3, end >> 3);
    if (end > at) for (at = Math.max(at, end & ~7); at < end; at++) this.bytes[at >> 3] = (this.bytes[at >> 3] ?? 0) | (1 << (at & 7));
  }

  #copy(source: Uint8Array, count: number): void {
    const from = this.length >> 3;
    const whole = count >> 3;
    this.bytes.set(source.subarray(0, whole), from);
    for (let at = 0; at < whole; at++) this.nulls += 8 - (bitsInByte[source[at] ?? 0] ?? 0);
    for (let at = whole * 8; at < count; at++) {
      if (isValid(source, at)) this.bytes[from + whole] = (this.bytes[from + whole] ?? 0) | (1 << (at & 7));
      else this.nulls++;
    }
  }
}

const bitsInByte = Uint8Array.from({ length: 256 }, (_, byte) => {
  let count = 0;
  for (let rest = byte; rest > 0; rest >>= 1) count += rest & 1;
  return count;
});

/** Bytes of a growing column of fixed width. */
class Values {
  bytes: Uint8Array<ArrayBuffer>;
  used = 0;
  #initial: number;

  constructor(bytes: number) {
    this.#initial = bytes;
    this.bytes = new Uint8Array(bytes);
  }

  /** Makes room for `more` bytes and returns where they begin. */
  extend(more: number): number {
    const start = this.used;
    this.used += more;
    if (this.used > this.bytes.length) {
      const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.used));
      grown.set(this.bytes.subarray(0, start));
      this.bytes = grown;
    }
    return start;
  }

  take(): { readonly bytes: Uint8Array<ArrayBuffer>; readonly used: number } {
    const taken = { bytes: this.bytes, used: this.used };
    // The next batch is likely as large as this one.
    this.#initial = Math.max(this.#initial, Math.ceil(this.used * 1.05));
    this.bytes = new Uint8Array(this.#initial);
    this.used = 0;
    return taken;
  }
}

function nullCollector(type: ValueType): ColumnCollector {
  let length = 0;
  return {
    append(_vector, count) {
      length += count;
    },
    finish() {
      const data = makeData({ type: arrowType(type), length, nullCount: length });
      length = 0;
      return data;
    },
  };
}

function fixedCollector(driver: Driver, type: ValueType, width: number, capacity: number): ColumnCollector {
  const bits = new Bits(driver, capacity);
  const values = new Values(capacity * width);
  const arrow = arrowType(type);
  return {
    append(vector, count, indices) {
      const start = values.extend(count * width);
      const source = vectorBytes(driver, vector, sourceSize(count, indices), width);
      if (indices === undefined) values.bytes.set(source, start);
      else for (let at = 0; at < count; at++) copyOne(values.bytes, start + at * width, source, (indices[at] ?? 0) * width, width);
      bits.append(vector, count, indices);
    },
    finish() {
      const { bytes, used } = values.take();
      const { bitmap, nulls } = bits.take();
      return assemble(arrow, used / width, nulls, bitmap, { data: typedView(type, bytes, used) });
    },
  };
}

function booleanCollector(driver: Driver, type: ValueType, capacity: number): ColumnCollector {
  const validity = new Bits(driver, capacity);
  const values = new Bits(driver, capacity);
  return {
    append(vector, count, indices) {
      const source = vectorBytes(driver, vector, sourceSize(count, indices), 1);
      values.reserveBits(count);
      for (let at = 0; at < count; at++) values.pushBit(source[indices === undefined ? at : (indices[at] ?? 0)] === 1);
      validity.append(vector, count, indices);
    },
    finish() {
      const { bytes, length } = values.take();
      const { bitmap, nulls } = validity.take();
      return assemble(arrowType(type), length, nulls, bitmap, { data: bytes });
    },
  };
}

/** Arrow keeps every decimal in 16 bytes; the engine uses 2, 4 or 8 where the digits fit. */
function decimalCollector(driver: Driver, type: Extract<ValueType, { kind: "decimal" }>, capacity: number): ColumnCollector {
  const width = type.width <= 4 ? 2 : type.width <= 9 ? 4 : type.width <= 18 ? 8 : 16;
  if (width === 16) return fixedCollector(driver, type, 16, capacity);
  const bits = new Bits(driver, capacity);
  const values = new Values(capacity * 16);
  return {
    append(vector, count, indices) {
      const start = values.extend(count * 16);
      const source = vectorBytes(driver, vector, sourceSize(count, indices), width);
      widen(source, width, new Int32Array(values.bytes.buffer, start, count * 4), count, indices);
      bits.append(vector, count, indices);
    },
    finish() {
      const { bytes, used } = values.take();
      const { bitmap, nulls } = bits.take();
      return assemble(arrowType(type), used / 16, nulls, bitmap, { data: typedView(type, bytes, used) });
    },
  };
}

function widen(source: Uint8Array, width: number, target: Int32Array, count: number, indices: Uint32Array | undefined): void {
  const view = new DataView(source.buffer, source.byteOffset, source.byteLength);
  for (let at = 0; at < count; at++) {
    const from = (indices === undefined ? at : (indices[at] ?? 0)) * width;
    const low = width === 2 ? view.getInt16(from, true) : view.getInt32(from, true);
    const next = width === 8 ? view.getInt32(from + 4, true) : low >> 31;
    target[at * 4] = low;
    target[at * 4 + 1] = next;
    target[at * 4 + 2] = next >> 31;
    target[at * 4 + 3] = next >> 31;
  }
}

function textCollector(driver: Driver, type: ValueType, capacity: number): ColumnCollector {
  const bits = new Bits(driver, capacity);
  const bytes = new Values(capacity * 8);
  const reader = new TextReader(driver);
  let offsets = new Int32Array(capacity + 1);
  let length = 0;
  return {
    append(vector, count, indices) {
      const size = sourceSize(count, indices);
      const validity = validityBits(driver, vector, size);
      reader.copy(vectorBytes(driver, vector, size, 16), indices, count, validity, {
        offsets: () => {
          if (length + count + 1 > offsets.length) offsets = grown(offsets, length + count + 1);
          return { offsets, first: length, base: bytes.used };
        },
        reserve: (more) => {
          bytes.extend(more);
          return bytes.bytes;
        },
      });
      length += count;
      bits.push(validity, count, indices);
    },
    finish() {
      const taken = bytes.take();
      const { bitmap, nulls } = bits.take();
      const data = assemble(arrowType(type), length, nulls, bitmap, {
        valueOffsets: offsets.subarray(0, length + 1),
        data: taken.bytes.subarray(0, taken.used),
      });
      offsets = new Int32Array(capacity + 1);
      length = 0;
      return data;
    },
  };
}

function structCollector(driver: Driver, type: Extract<ValueType, { kind: "struct" }>, capacity: number): ColumnCollector {
  const bits = new Bits(driver, capacity);
  const children = type.fields.map((field) => columnCollector(driver, field.type, capacity));
  return {
    append(vector, count, indices) {
      children.forEach((child, at) => {
        child.append(driver.bindings.struct_vector_get_child(vector, at), count, indices);
      });
      bits.append(vector, count, indices);
    },
    finish() {
      const { bitmap, nulls, length } = bits.take();
      return assemble(arrowType(type), length, nulls, bitmap, { children: children.map((child) => child.finish()) });
    },
  };
}

function listCollector(driver: Driver, type: Extract<ValueType, { kind: "list" }>, capacity: number): ColumnCollector {
  const lists = new ListCollector(driver, capacity);
  const child = columnCollector(driver, type.element, capacity);
  return {
    append(vector, count, indices) {
      const { total, elements } = lists.append(vector, count, indices);
      child.append(driver.bindings.list_vector_get_child(vector), total, elements);
    },
    finish: () => lists.finish(type, child.finish()),
  };
}

function mapCollector(driver: Driver, type: Extract<ValueType, { kind: "map" }>, capacity: number): ColumnCollector {
  const lists = new ListCollector(driver, capacity);
  const fields = [
    { name: "key", type: type.key },
    { name: "value", type: type.value },
  ];
  const entries = columnCollector(driver, { kind: "struct", fields }, capacity);
  return {
    append(vector, count, indices) {
      const { total, elements } = lists.append(vector, count, indices);
      entries.append(driver.bindings.list_vector_get_child(vector), total, elements);
    },
    finish: () => lists.finish(type, entries.finish()),
  };
}

/** Offsets of lists and maps, and which elements below belong to them. */
class ListCollector {
  readonly #driver: Driver;
  readonly #bits: Bits;
  readonly #capacity: number;
  #offsets: Int32Array;
  #length = 0;

  constructor(driver: Driver, capacity: number) {
    this.#driver = driver;
    this.#capacity = capacity;
    this.#bits = new Bits(driver, capacity);
    this.#offsets = new Int32Array(capacity + 1);
  }

  append(vector: Vector, count: number, indices: Uint32Array | undefined): { readonly total: number; readonly elements?: Uint32Array } {
    const size = sourceSize(count, indices);
    const bytes = vectorBytes(this.#driver, vector, size, 16);
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 2);
    const validity = validityBits(this.#driver, vector, size);
    if (this.#length + count + 1 > this.#offsets.length) this.#offsets = grown(this.#offsets, this.#length + count + 1);
    let total = 0;
    let inOrder = true;
    const base = this.#offsets[this.#length] ?? 0;
    for (let at = 0; at < count; at++) {
      const index = indices === undefined ? at : (indices[at] ?? 0);
      if (isValid(validity, index)) {
        const length = words[index * 4 + 2] ?? 0;
        if (length > 0 && words[index * 4] !== total) inOrder = false;
        total += length;
      }
      this.#offsets[this.#length + at + 1] = base + total;
    }
    this.#bits.push(validity, count, indices);
    this.#length += count;
    return inOrder ? { total } : { total, elements: elementsOf(words, validity, indices, count, total) };
  }

  finish(type: ValueType, child: Data): Data {
    const { bitmap, nulls } = this.#bits.take();
    const data = assemble(arrowType(type), this.#length, nulls, bitmap, {
      valueOffsets: this.#offsets.subarray(0, this.#length + 1),
      children: [child],
    });
    this.#offsets = new Int32Array(this.#capacity + 1);
    this.#length = 0;
    return data;
  }
}

function elementsOf(
  words: Uint32Array,
  validity: Uint8Array | undefined,
  indices: Uint32Array | undefined,
  count: number,
  total: number,
): Uint32Array {
  const elements = new Uint32Array(total);
  let to = 0;
  for (let at = 0; at < count; at++) {
    const index = indices === undefined ? at : (indices[at] ?? 0);
    if (!isValid(validity, index)) continue;
    const start = words[index * 4] ?? 0;
    const length = words[index * 4 + 2] ?? 0;
    for (let k = 0; k < length; k++) elements[to++] = start + k;
  }
  return elements;
}

interface Buffers {
  readonly data?: ArrayBufferView;
  readonly valueOffsets?: Int32Array;
  readonly children?: readonly Data[];
}

/** The library's `makeData` is typed by concrete types, which are not known here; its shape for each is what {@link Buffers} holds. */
function assemble(
  type: ReturnType<typeof arrowType>,
  length: number,
  nullCount: number,
  nullBitmap: Uint8Array | undefined,
  buffers: Buffers,
): Data {
  const { children } = buffers;
  const child = children?.length === 1 ? { child: children[0] } : {};
  const props = { type, length, nullCount, ...(nullBitmap === undefined ? {} : { nullBitmap }), ...buffers, ...child };
  return makeData(props as unknown as Parameters<typeof makeData>[0]);
}

function typedView(type: ValueType, bytes: Uint8Array<ArrayBuffer>, used: number): ArrayBufferView {
  const { buffer } = bytes;
  if (type.kind === "integer")
    return new { 8: Int8Array, 16: Int16Array, 32: Int32Array, 64: BigInt64Array }[type.bits](buffer, 0, used / (type.bits / 8));
  if (type.kind === "float") return new Float32Array(buffer, 0, used / 4);
  if (type.kind === "double") return new Float64Array(buffer, 0, used / 8);
  if (type.kind === "timestamp") return new BigInt64Array(buffer, 0, used / 8);
  return type.kind === "decimal" ? new Uint32Array(buffer, 0, used / 4) : new Int32Array(buffer, 0, used / 4);
}

function sourceSize(count: number, indices: Uint32Array | undefined): number {
  return indices === undefined ? count : largest(indices, count) + 1;
}

function largest(indices: Uint32Array, count: number): number {
  let found = -1;
  for (let at = 0; at < count; at++) found = Math.max(found, indices[at] ?? 0);
  return found;
}

function copyOne(target: Uint8Array, to: number, source: Uint8Array, from: number, width: number): void {
  for (let k = 0; k < width; k++) target[to + k] = source[from + k] ?? 0;
}

function grown(offsets: Int32Array, needed: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(Math.max(offsets.length * 2, needed));
  larger.set(offsets);
  return larger;
}
