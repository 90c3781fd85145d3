import type { Vector } from "@duckdb/node-bindings";
import type { Driver } from "../../core/driver.ts";

/** Longest value that the engine keeps inside its 16-byte handle: length, then bytes. */
export const inlineBytes = 12;

/**
 * Lays out the handles of many values whose bytes stand one after the other in `block`, with one call of the
 * driver for all of them.
 *
 * A call for each value would cost half a microsecond. The block is stored as one long value, whose memory
 * belongs to the vector; a long value's handle (length, first four bytes, address) points into it, a short
 * one holds its bytes. `handles` must be copied to the vector afterwards. `positions` say where the values
 * go; `starts` where each begins in the block, with the block's end last.
 */
export function layOutBlock(
  { bindings }: Driver,
  vector: Vector,
  handles: DataView,
  block: Uint8Array,
  positions: ArrayLike<number>,
  starts: ArrayLike<number>,
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

function storeBlock(bindings: Driver["bindings"], vector: Vector, block: Uint8Array, index: number): number {
  bindings.vector_assign_string_element_len(vector, index, block);
  const stored = bindings.vector_get_data(vector, (index + 1) * 16);
  const view = new DataView(stored.buffer, stored.byteOffset, stored.byteLength);
  return view.getUint32(index * 16 + 8, true) + view.getUint32(index * 16 + 12, true) * 4_294_967_296;
}
