import { type Data, type DataType, makeData } from "apache-arrow";
import type { ValueType } from "../core/value-type.ts";

/** Buffers and children of one Arrow column. */
export interface ArrowBuffers {
  readonly data?: ArrayBufferView | undefined;
  readonly valueOffsets?: Int32Array | undefined;
  readonly children?: readonly Data[] | undefined;
}

/**
 * The library's `makeData` is typed by concrete types, which are not known here; its shape for each is what
 * {@link ArrowBuffers} holds.
 */
export function arrowData(
  type: DataType,
  length: number,
  nulls: { readonly nulls: number; readonly bitmap: Uint8Array | undefined },
  buffers: ArrowBuffers,
): Data {
  const { children } = buffers;
  const child = children?.length === 1 ? { child: children[0] } : {};
  const nullBitmap = { nullBitmap: nulls.bitmap };
  const props = { type, length, nullCount: nulls.nulls, ...nullBitmap, ...buffers, ...child };
  return makeData(props as unknown as Parameters<typeof makeData>[0]);
}

/** The first `used` bytes of a buffer as the array that Arrow wants for a type of fixed width. */
export function typedView(
  type: ValueType,
  { buffer }: Uint8Array<ArrayBuffer>,
  used: number,
): ArrayBufferView {
  if (type.kind === "integer")
    return new { 8: Int8Array, 16: Int16Array, 32: Int32Array, 64: BigInt64Array }[type.bits](
      buffer,
      0,
      used / (type.bits / 8),
    );
  if (type.kind === "float") return new Float32Array(buffer, 0, used / 4);
  if (type.kind === "double") return new Float64Array(buffer, 0, used / 8);
  if (type.kind === "timestamp") return new BigInt64Array(buffer, 0, used / 8);
  return type.kind === "decimal" ? new Uint32Array(buffer, 0, used / 4) : new Int32Array(buffer, 0, used / 4);
}

/** Offsets with room for `needed` of them, and what they held. */
export function grownOffsets(offsets: Int32Array<ArrayBuffer>, needed: number): Int32Array<ArrayBuffer> {
  if (needed <= offsets.length) return offsets;
  const larger = new Int32Array(Math.max(offsets.length * 2, needed));
  larger.set(offsets);
  return larger;
}
