import type { Vector } from "@duckdb/node-bindings";
import type { Driver } from "../../core/driver.ts";
import type { ValueType } from "../../core/value-type.ts";
import {
  type BuilderOf,
  CellProblem,
  type ColumnBuilder,
  inPath,
  within,
} from "../shared/builder-contract.ts";
import { FixedData, Validity } from "../shared/chunk-buffers.ts";
import { fieldOf, hasFields, isNumberArray, isPlainObject } from "../shared/value-shapes.ts";
import { shownValueType } from "./shown-value-type.ts";

/** What is expected at a field that the column's type does not have. */
export const noSuchField = "no such field";

export function structBuilder(
  driver: Driver,
  type: Extract<ValueType, { kind: "struct" }>,
  builderOf: BuilderOf,
): ColumnBuilder {
  const { bindings } = driver;
  const validity = new Validity();
  const children = type.fields.map((field) => ({ name: field.name, builder: builderOf(field.type) }));
  const names = new Set(type.fields.map((field) => field.name));
  return {
    type,
    set(index, value) {
      if (value === null || value === undefined) {
        validity.clear(index);
        for (const { builder } of children) builder.set(index, null);
        return;
      }
      if (!isPlainObject(value) || !hasFields(value)) throw new CellProblem(shownValueType(type), value);
      for (const name in value)
        if (!names.has(name)) throw inPath(new CellProblem(noSuchField, value[name]), name);
      for (const { name, builder } of children) within(name, () => builder.set(index, fieldOf(value, name)));
    },
    write(vector, count) {
      children.forEach(({ builder }, index) => {
        builder.write(bindings.struct_vector_get_child(vector, index), count);
      });
      validity.write(driver, vector, count);
    },
  };
}

export function listBuilder(
  driver: Driver,
  type: Extract<ValueType, { kind: "list" }>,
  builderOf: BuilderOf,
): ColumnBuilder {
  const { bindings } = driver;
  const entries = new ListEntries(driver);
  const child = builderOf(type.element);
  return {
    type,
    set(index, value) {
      if (value === null || value === undefined) return entries.setNull(index);
      const items = Array.isArray(value) || isNumberArray(value) ? value : undefined;
      if (items === undefined) throw new CellProblem(shownValueType(type), value);
      const start = entries.add(index, items.length);
      for (let position = 0; position < items.length; position++)
        within("element", () => child.set(start + position, items[position]));
    },
    write(vector, count) {
      const total = entries.write(vector, count);
      child.write(bindings.list_vector_get_child(vector), total);
    },
  };
}

/** The engine keeps a map as a list of structs of key and value. */
export function mapBuilder(
  driver: Driver,
  type: Extract<ValueType, { kind: "map" }>,
  builderOf: BuilderOf,
): ColumnBuilder {
  const { bindings } = driver;
  const entries = new ListEntries(driver);
  const keys = builderOf(type.key);
  const values = builderOf(type.value);
  return {
    type,
    set(index, value) {
      if (value === null || value === undefined) return entries.setNull(index);
      const pairs = pairsOf(value);
      if (pairs === undefined) throw new CellProblem(shownValueType(type), value);
      const start = entries.add(index, pairs.length);
      const seen = new Set<unknown>();
      pairs.forEach(([key, item], position) => {
        if (key === null || key === undefined)
          throw inPath(new CellProblem("a map key that is not null", key), "key");
        if (seen.has(key)) throw inPath(new CellProblem("map keys that are not repeated", key), "key");
        seen.add(key);
        within("key", () => keys.set(start + position, key));
        within("value", () => values.set(start + position, item));
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

/** Objects without fields, which the engine has as maps without entries. */
export function emptyObjectBuilder(driver: Driver, type: ValueType, builderOf: BuilderOf): ColumnBuilder {
  const maps = mapBuilder(driver, { kind: "map", key: { kind: "text" }, value: { kind: "null" } }, builderOf);
  return {
    type,
    set(index, value) {
      const isNull = value === null || value === undefined;
      const isEmpty = !isNull && isPlainObject(value) && Object.keys(value).length === 0;
      if (!isNull && !isEmpty) throw new CellProblem("an object without fields", value);
      maps.set(index, value);
    },
    write: maps.write,
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
  return isPlainObject(value) && hasFields(value) ? Object.entries(value) : undefined;
}

function isPair(value: unknown): value is readonly [unknown, unknown] {
  return Array.isArray(value) && value.length === 2;
}
