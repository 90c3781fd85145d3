import type { Vector } from "@duckdb/node-bindings";
import type { Driver } from "./driver.ts";
import { inlineBytes } from "./native-vector.ts";

/** A vector of texts or binary values, and its handles, which must be copied to it afterwards. */
export interface HandleVector {
  readonly vector: Vector;
  readonly handles: DataView;
}

/** Values whose bytes stand one after the other. */
export interface ValueBlock {
  readonly block: Uint8Array;
  /** Where the values go. */
  readonly positions: ArrayLike<number>;
  /** Where each value begins in the block, with the block's end last. */
  readonly starts: ArrayLike<number>;
}

/**
 * Lays out the handles of many values, with one call of the driver for all of them.
 *
 * A call for each value would cost half a microsecond. The block is stored as one long value, whose memory
 * belongs to the vector; a long value's handle (length, first four bytes, address) points into it, a short
 * one holds its bytes.
 */
export function layOutBlock(
  { bindings }: Driver,
  { vector, handles }: HandleVector,
  { block, positions, starts }: ValueBlock,
): void {
  const base = block.length > inlineBytes ? storeBlock(bindings, vector, block, positions[0] ?? 0) : 0;
  const bytes = new DataView(block.buffer, block.byteOffset, block.byteLength);
  for (let index = 0; index < positions.length; index++) {
    const start = starts[index] ?? 0;
    const length = (starts[index + 1] ?? 0) - start;
    const handle = (positions[index] ?? 0) * 16;
    handles.setUint32(handle, length, true);
    if (length > inlineBytes) {
      const address = base + start;
      handles.setUint32(handle + 4, bytes.getUint32(start, true), true);
      handles.setUint32(handle + 8, address % 4_294_967_296, true);
      handles.setUint32(handle + 12, Math.floor(address / 4_294_967_296), true);
    } else
      for (let k = 0; k < inlineBytes; k++)
        handles.setUint8(handle + 4 + k, k < length ? (block[start + k] ?? 0) : 0);
  }
}

/** As {@link layOutBlock}, of values that are not in one block yet. */
export function layOutValues(
  driver: Driver,
  target: HandleVector,
  values: readonly Uint8Array[],
  positions: ArrayLike<number>,
): void {
  if (values.length === 0) return;
  const starts = new Float64Array(values.length + 1);
  for (let index = 0; index < values.length; index++)
    starts[index + 1] = (starts[index] ?? 0) + (values[index]?.length ?? 0);
  layOutBlock(driver, target, { block: Buffer.concat(values), positions, starts });
}

function storeBlock(bindings: Driver["bindings"], vector: Vector, block: Uint8Array, index: number): number {
  bindings.vector_assign_string_element_len(vector, index, block);
  const stored = bindings.vector_get_data(vector, (index + 1) * 16);
  const view = new DataView(stored.buffer, stored.byteOffset, stored.byteLength);
  return view.getUint32(index * 16 + 8, true) + view.getUint32(index * 16 + 12, true) * 4_294_967_296;
}
