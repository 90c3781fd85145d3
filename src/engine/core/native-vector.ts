import type { Vector } from "@duckdb/node-bindings";
import type { Driver } from "./driver.ts";

/**
 * Longest text or binary value that the engine keeps inside its 16-byte handle (length, then bytes); longer ones
 * are behind a pointer in the last eight bytes.
 */
export const inlineBytes = 12;

/** Bytes of `count` fixed-width values of a vector; the driver copies them. */
export function vectorBytes({ bindings }: Driver, vector: Vector, count: number, width: number): Uint8Array {
  return count === 0 ? new Uint8Array(0) : bindings.vector_get_data(vector, count * width);
}

/** Bits that say which of `count` values are not null, in Arrow's order; undefined where none is null. */
export function validityBits({ bindings }: Driver, vector: Vector, count: number): Uint8Array | undefined {
  return count === 0
    ? undefined
    : (bindings.vector_get_validity(vector, Math.ceil(count / 64) * 8) ?? undefined);
}

export function isValid(bits: Uint8Array | undefined, index: number): boolean {
  return bits === undefined || ((bits[index >> 3] ?? 0) & (1 << (index & 7))) !== 0;
}

/** How many values of a vector must be read to have the first `count`, or those that `indices` names. */
export function sourceSize(count: number, indices: Uint32Array | undefined): number {
  if (indices === undefined) return count;
  let largest = -1;
  for (let row = 0; row < count; row++) largest = Math.max(largest, indices[row] ?? 0);
  return largest + 1;
}
