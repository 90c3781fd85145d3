import type { Vector } from "@duckdb/node-bindings";
import type { Data } from "apache-arrow";
import { Bits } from "../core/bits.ts";
import type { Driver } from "../core/driver.ts";
import { isValid, sourceSize, validityBits, vectorBytes } from "../core/native-vector.ts";
import type { ValueType } from "../core/value-type.ts";
import { arrowData, grownOffsets } from "./arrow-data.ts";
import { arrowType } from "./arrow-types.ts";
import type { CollectorOf, ColumnCollector } from "./collector.ts";

/** Gathers structs: their fields, and which structs are null. */
export function structCollector(
  driver: Driver,
  type: Extract<ValueType, { kind: "struct" }>,
  capacity: number,
  collectorOf: CollectorOf,
): ColumnCollector {
  const bits = new Bits(driver, capacity);
  const children = type.fields.map((field) => collectorOf(field.type));
  return {
    append(vector, count, indices) {
      children.forEach((child, index) => {
        child.append(driver.bindings.struct_vector_get_child(vector, index), count, indices);
      });
      bits.append(vector, count, indices);
    },
    finish() {
      const taken = bits.take();
      return arrowData(arrowType(type), taken.length, taken, {
        children: children.map((child) => child.finish()),
      });
    },
  };
}

/** Gathers lists: their elements, and where each list begins. */
export function listCollector(
  driver: Driver,
  type: Extract<ValueType, { kind: "list" }>,
  capacity: number,
  collectorOf: CollectorOf,
): ColumnCollector {
  return collectLists(driver, type, capacity, collectorOf(type.element));
}

/** A map is a list of structs of a key and a value. */
export function mapCollector(
  driver: Driver,
  type: Extract<ValueType, { kind: "map" }>,
  capacity: number,
  collectorOf: CollectorOf,
): ColumnCollector {
  const fields = [
    { name: "key", type: type.key },
    { name: "value", type: type.value },
  ];
  return collectLists(driver, type, capacity, collectorOf({ kind: "struct", fields }));
}

function collectLists(
  driver: Driver,
  type: ValueType,
  capacity: number,
  child: ColumnCollector,
): ColumnCollector {
  const lists = new Lists(driver, capacity);
  return {
    append(vector, count, indices) {
      const { total, elements } = lists.append(vector, count, indices);
      child.append(driver.bindings.list_vector_get_child(vector), total, elements);
    },
    finish: () => lists.finish(type, child.finish()),
  };
}

/** Offsets of lists and maps, and which elements below belong to them. */
class Lists {
  readonly #driver: Driver;
  readonly #bits: Bits;
  readonly #capacity: number;
  #offsets: Int32Array<ArrayBuffer>;
  #length = 0;

  constructor(driver: Driver, capacity: number) {
    this.#driver = driver;
    this.#capacity = capacity;
    this.#bits = new Bits(driver, capacity);
    this.#offsets = new Int32Array(capacity + 1);
  }

  append(
    vector: Vector,
    count: number,
    indices: Uint32Array | undefined,
  ): { readonly total: number; readonly elements?: Uint32Array | undefined } {
    const size = sourceSize(count, indices);
    const bytes = vectorBytes(this.#driver, vector, size, 16);
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 2);
    const validity = validityBits(this.#driver, vector, size);
    this.#offsets = grownOffsets(this.#offsets, this.#length + count + 1);
    let total = 0;
    let inOrder = true;
    const base = this.#offsets[this.#length] ?? 0;
    for (let row = 0; row < count; row++) {
      const index = indices === undefined ? row : (indices[row] ?? 0);
      if (isValid(validity, index)) {
        const length = words[index * 4 + 2] ?? 0;
        if (length > 0 && words[index * 4] !== total) inOrder = false;
        total += length;
      }
      this.#offsets[this.#length + row + 1] = base + total;
    }
    this.#bits.push(validity, count, indices);
    this.#length += count;
    return inOrder ? { total } : { total, elements: elementsOf(words, validity, indices, count, total) };
  }

  finish(type: ValueType, child: Data): Data {
    const valueOffsets = this.#offsets.subarray(0, this.#length + 1);
    const data = arrowData(arrowType(type), this.#length, this.#bits.take(), {
      valueOffsets,
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
  for (let row = 0; row < count; row++) {
    const index = indices === undefined ? row : (indices[row] ?? 0);
    if (!isValid(validity, index)) continue;
    const start = words[index * 4] ?? 0;
    const length = words[index * 4 + 2] ?? 0;
    for (let k = 0; k < length; k++) elements[to++] = start + k;
  }
  return elements;
}
