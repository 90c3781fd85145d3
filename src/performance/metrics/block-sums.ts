/** Rows that are summed before their sum is added to the others. */
const rowsOfBlock = 2048;

/**
 * Sums of many rows by window, which depend on the rows and their order alone, however the rows arrive in chunks. Blocks
 * of rows are summed by themselves, which loses fewer digits than one long sum.
 */
export class BlockSums {
  readonly #sums: Float64Array;
  readonly #block: Float64Array;
  #rows = 0;

  constructor(windows: number) {
    this.#sums = new Float64Array(windows);
    this.#block = new Float64Array(windows);
  }

  /** A row of no window counts as a row, but has no sum. */
  push(window: number, value: number): void {
    if (window >= 0 && window < this.#block.length) this.#block[window] = (this.#block[window] ?? 0) + value;
    if (++this.#rows === rowsOfBlock) this.#flush();
  }

  /** The sums by window so far. */
  finish(): Float64Array {
    this.#flush();
    return this.#sums;
  }

  #flush(): void {
    for (const [window, sum] of this.#block.entries()) this.#sums[window] = (this.#sums[window] ?? 0) + sum;
    this.#block.fill(0);
    this.#rows = 0;
  }
}
