import { isUtf8 } from "node:buffer";
import type { Vector } from "@duckdb/node-bindings";
import { type Data, DataType } from "apache-arrow";
import { inlineBytes } from "../../core/native-vector.ts";
import { layOutValues } from "../../core/text-block.ts";
import { CellProblem } from "../shared/builder-contract.ts";
import { type ArrowWriting, ChunkTooLarge } from "./arrow-writing.ts";
import { type Picked, positionOf, validityOf } from "./picked.ts";

/** Text that cannot be set aside: what would stand in its place is a text that fits its column. */
export class NotUtf8 extends CellProblem {
  constructor(bytes: Uint8Array) {
    super("text in UTF-8", bytes);
  }
}

/**
 * Copies texts or binary values, all their bytes one after the other; returns how many. @throws
 * {@link CellProblem} for text that is not UTF-8, {@link ChunkTooLarge}
 */
export function writeTexts(
  { driver, most }: ArrowWriting,
  vector: Vector,
  data: Data,
  isText: boolean,
  picked: Picked,
): number {
  if (picked.count === 0) return 0;
  const bytesAt = bytesReader(data);
  const isValid = validityOf(data);
  const values: Uint8Array[] = [];
  const positions: number[] = [];
  let total = 0;
  for (let row = 0; row < picked.count; row++) {
    const position = positionOf(picked, row);
    if (position < 0 || !isValid(position)) continue;
    const bytes = bytesAt(position);
    if (isText && !isUtf8(bytes)) throw new NotUtf8(bytes);
    total += bytes.length;
    if (total > most) throw new ChunkTooLarge(`the texts of a chunk have over ${most} bytes`);
    values.push(bytes);
    positions.push(row);
  }
  const handles = new DataView(new ArrayBuffer(picked.count * 16));
  layOutValues(driver, { vector, handles }, values, positions);
  driver.bindings.copy_data_to_vector(vector, 0, handles.buffer, 0, handles.byteLength);
  return total;
}

/** Gives the bytes of a text or binary value. */
export function bytesReader(data: Data): (position: number) => Uint8Array {
  const { type, values } = data;
  if (DataType.isFixedSizeBinary(type)) {
    return (position) => values.subarray(position * type.byteWidth, (position + 1) * type.byteWidth);
  }
  if (DataType.isUtf8View(type) || DataType.isBinaryView(type)) {
    const view = new DataView(values.buffer, values.byteOffset, values.byteLength);
    return (position) => {
      const length = view.getInt32(position * 16, true);
      if (length <= inlineBytes) return values.subarray(position * 16 + 4, position * 16 + 4 + length);
      const buffer = data.variadicBuffers[view.getInt32(position * 16 + 8, true)] ?? new Uint8Array(0);
      const start = view.getInt32(position * 16 + 12, true);
      return buffer.subarray(start, start + length);
    };
  }
  const offsets: ArrayLike<number | bigint> = data.valueOffsets;
  return (position) => values.subarray(Number(offsets[position]), Number(offsets[position + 1]));
}
