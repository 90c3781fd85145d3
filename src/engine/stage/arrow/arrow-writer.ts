import type { Vector } from "@duckdb/node-bindings";
import { type Data, DataType } from "apache-arrow";
import type { Driver } from "../../core/driver.ts";
import type { ValueType } from "../../core/value-type.ts";
import { wholeData } from "../ipc/join-data.ts";
import { within } from "../shared/builder-contract.ts";
import { writeFixed } from "./arrow-fixed.ts";
import { writeTexts } from "./arrow-texts.ts";
import { type ArrowWriting, ChunkTooLarge } from "./arrow-writing.ts";
import { assertKeys, type ListRange } from "./map-keys.ts";
import { contiguous, type Picked, positionOf, validityOf, withoutNulls } from "./picked.ts";

/**
 * Copies values of an Arrow array into a vector of the type that {@link valueTypeOfArrow} gives.
 *
 * The array must be sound. @throws {@link CellProblem}, {@link ChunkTooLarge}
 */
export function writeArrow(
  writing: ArrowWriting,
  vector: Vector,
  data: Data,
  type: ValueType,
  picked: Picked,
): void {
  const { driver } = writing;
  if (DataType.isDictionary(data.type)) {
    writeDictionary(writing, vector, data, type, picked);
    return;
  }
  writeValidity(driver, vector, data, picked);
  switch (type.kind) {
    case "null":
      return;
    case "text":
    case "binary":
      writing.bytes += writeTexts(writing, vector, data, type.kind === "text", picked);
      return;
    case "struct":
      writeStruct(writing, vector, data, type, withoutNulls(data, picked));
      return;
    case "list":
      writeList(writing, vector, data, picked, (child, elements, inner) =>
        within("element", () => writeArrow(writing, child, elements, type.element, inner)),
      );
      return;
    case "map":
      assertKeys(data, listRanges(data), picked);
      writeList(writing, vector, data, picked, (child, entries, inner) =>
        writeStruct(writing, child, entries, entryType(type), inner),
      );
      return;
    default:
      writeFixed(driver, vector, data, type, picked);
  }
}

function writeValidity({ bindings }: Driver, vector: Vector, data: Data, picked: Picked): void {
  if (!DataType.isNull(data.type) && data.nullCount === 0 && picked.positions === undefined) return;
  const isValid = validityOf(data);
  const bits = new Uint8Array(Math.ceil(picked.count / 64) * 8).fill(255);
  let nulls = 0;
  for (let row = 0; row < picked.count; row++) {
    const position = positionOf(picked, row);
    if (position >= 0 && isValid(position)) continue;
    bits[row >> 3] = (bits[row >> 3] ?? 255) & ~(1 << (row & 7));
    nulls++;
  }
  if (nulls === 0) return;
  bindings.vector_ensure_validity_writable(vector);
  bindings.copy_data_to_vector_validity(vector, 0, bits.buffer, 0, bits.byteLength);
}

function writeStruct(
  writing: ArrowWriting,
  vector: Vector,
  data: Data,
  { fields }: Extract<ValueType, { kind: "struct" }>,
  picked: Picked,
): void {
  fields.forEach((field, index) => {
    const child = data.children[index];
    const part = writing.driver.bindings.struct_vector_get_child(vector, index);
    if (child !== undefined) within(field.name, () => writeArrow(writing, part, child, field.type, picked));
  });
}

/** The engine keeps a map as a list of structs of key and value. */
function entryType({
  key,
  value,
}: Extract<ValueType, { kind: "map" }>): Extract<ValueType, { kind: "struct" }> {
  const fields = [
    { name: "key", type: key },
    { name: "value", type: value },
  ];
  return { kind: "struct", fields };
}

type WriteElements = (vector: Vector, elements: Data, picked: Picked) => void;

function writeList(
  writing: ArrowWriting,
  vector: Vector,
  data: Data,
  picked: Picked,
  writeElements: WriteElements,
): void {
  const { bindings } = writing.driver;
  const rangeOf = listRanges(data);
  const isValid = validityOf(data);
  const entries = new Uint32Array(picked.count * 4);
  let total = 0;
  for (let row = 0; row < picked.count; row++) {
    const position = positionOf(picked, row);
    const length = position >= 0 && isValid(position) ? rangeOf(position).length : 0;
    entries[row * 4] = total;
    entries[row * 4 + 2] = length;
    total += length;
  }
  if (total > writing.most) throw new ChunkTooLarge(`the lists of a chunk have ${total} elements`);
  writing.bytes += total * 8;
  const positions = new Int32Array(total);
  for (let row = 0, to = 0; row < picked.count; row++) {
    const length = entries[row * 4 + 2] ?? 0;
    const start = length === 0 ? 0 : rangeOf(positionOf(picked, row)).start;
    for (let k = 0; k < length; k++) positions[to++] = start + k;
  }
  bindings.list_vector_reserve(vector, total);
  bindings.list_vector_set_size(vector, total);
  if (picked.count > 0) bindings.copy_data_to_vector(vector, 0, entries.buffer, 0, entries.byteLength);
  const child = data.children[0];
  if (child !== undefined)
    writeElements(bindings.list_vector_get_child(vector), child, contiguous(positions));
}

function listRanges(data: Data): ListRange {
  if (DataType.isFixedSizeList(data.type)) {
    const length = data.type.listSize;
    return (position) => ({ start: position * length, length });
  }
  const offsets: ArrayLike<number | bigint> = data.valueOffsets;
  return (position) => {
    const start = Number(offsets[position]);
    return { start, length: Number(offsets[position + 1]) - start };
  };
}

/** Dictionary keys become positions in the dictionary's array. */
function writeDictionary(
  writing: ArrowWriting,
  vector: Vector,
  data: Data,
  type: ValueType,
  picked: Picked,
): void {
  const values = data.dictionary === undefined ? undefined : wholeData(data.dictionary);
  const isValid = validityOf(data);
  const positions = new Int32Array(picked.count);
  for (let row = 0; row < picked.count; row++) {
    const position = positionOf(picked, row);
    positions[row] = position >= 0 && isValid(position) ? Number(data.values[position]) : -1;
  }
  if (values === undefined) writeValidity(writing.driver, vector, data, { ...picked, positions });
  else writeArrow(writing, vector, values, type, { start: 0, count: picked.count, positions });
}
