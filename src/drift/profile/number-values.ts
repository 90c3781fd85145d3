import type { NumberVector } from "../../engine/core/contract.ts";

/** Numbers side by side: the first `count` of `values`. */
export interface NumberRun {
  readonly values: Float64Array;
  readonly count: number;
}

/** The values of some rows of a chunk, or of all, that have one; they may be put into `picked`, as long as the chunk. */
export function presentValues(
  { values, valid }: NumberVector,
  rows: readonly number[] | undefined,
  picked: Float64Array,
): NumberRun {
  if (valid === undefined && rows === undefined) return { values, count: values.length };
  let count = 0;
  const most = rows?.length ?? values.length;
  for (let index = 0; index < most; index++) {
    const row = rows === undefined ? index : (rows[index] ?? 0);
    if (valid === undefined || ((valid[row >> 3] ?? 0) & (1 << (row & 7))) !== 0)
      picked[count++] = values[row] ?? 0;
  }
  return { values: picked, count };
}

/** The finite values of some rows. */
export class KeptNumbers {
  #values = new Float64Array(0);
  #length = 0;

  add({ values, count }: NumberRun): void {
    if (this.#length + count > this.#values.length) {
      const grown = new Float64Array(Math.max(this.#length + count, 2 * this.#length));
      grown.set(this.#values.subarray(0, this.#length));
      this.#values = grown;
    }
    const kept = this.#values;
    let length = this.#length;
    for (let index = 0; index < count; index++) {
      const value = values[index] ?? 0;
      // 0 in place of -0, which is equal.
      if (Number.isFinite(value)) kept[length++] = value + 0;
    }
    this.#length = length;
  }

  /** In ascending order; nothing may be added after it. */
  sorted(): Float64Array {
    return this.#values.subarray(0, this.#length).sort();
  }
}
