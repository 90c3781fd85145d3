import { type Data, DataType } from "apache-arrow";

/** Which values of an Arrow array go into a vector: a range of it, or single positions. */
export interface Picked {
  readonly start: number;
  readonly count: number;
  /** Positions in the array, instead of the range; a negative one is null. */
  readonly positions?: Int32Array | undefined;
  /** The positions are those of the range, but for the negative ones. */
  readonly isRange?: boolean | undefined;
}

/** Position in the array of the value at `index`; -1 for one that is null because something above it is. */
export function positionOf(picked: Picked, index: number): number {
  return picked.positions === undefined ? picked.start + index : (picked.positions[index] ?? -1);
}

/** Positions without gaps are a range, which is copied in one go. */
export function contiguous(positions: Int32Array): Picked {
  const start = positions[0] ?? 0;
  const isRange = positions.every((position, index) => position === start + index);
  return isRange ? { start, count: positions.length } : { start: 0, count: positions.length, positions };
}

/** Tells whether an array's value at a position is not null. */
export function validityOf(data: Data): (position: number) => boolean {
  if (DataType.isNull(data.type)) return () => false;
  const bits = data.nullCount === 0 ? undefined : data.nullBitmap;
  if (bits === undefined) return () => true;
  const { offset } = data;
  return (position) => (((bits[(offset + position) >> 3] ?? 0) >> ((offset + position) & 7)) & 1) === 1;
}

/**
 * The same values with those at which `data` is null as null: what the children of a struct hold there is no
 * value, and the engine's writer of Parquet takes a child that is not null for one.
 */
export function withoutNulls(data: Data, picked: Picked): Picked {
  if (data.nullCount === 0) return picked;
  const isValid = validityOf(data);
  const positions = new Int32Array(picked.count);
  for (let index = 0; index < picked.count; index++) {
    const position = positionOf(picked, index);
    positions[index] = position >= 0 && isValid(position) ? position : -1;
  }
  return { ...picked, positions, isRange: picked.positions === undefined || picked.isRange };
}
