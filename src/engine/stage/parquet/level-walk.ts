import { LevelRuns } from "./level-runs.ts";
import type { ParquetLeaf } from "./parquet-schema.ts";

/** Levels that are looked at together. */
const blockLevels = 65_536;

/** The bytes of a page's levels, and how many values it has. */
export interface PageLevels {
  readonly values: number;
  readonly repetitions: Uint8Array;
  readonly definitions: Uint8Array;
}

/**
 * Follows the levels of one column chunk, page by page, and refuses those that no writer makes (a
 * `RangeError`): beyond the schema's, or that go on with a list that has not begun.
 */
export class LevelWalk {
  readonly #leaf: ParquetLeaf;
  readonly #repetitions = new Uint8Array(blockLevels);
  readonly #definitions = new Uint8Array(blockLevels);
  readonly #shared: readonly number[];
  /** The definition level of the value before; none is before the first. */
  #before = -1;
  /** Rows that began so far. */
  rows = 0;
  /**
   * For each of the leaf's lists, a hash of how they begin and go on, if it is asked for. Leaves of the same
   * lists have the same.
   */
  readonly shapes: Int32Array;

  /** @param shared the lists, by their place among the leaf's, that other leaves have too */
  constructor(leaf: ParquetLeaf, shared: readonly number[]) {
    this.#leaf = leaf;
    this.#shared = shared;
    this.shapes = new Int32Array(leaf.lists.length);
  }

  /** @param pause is called between blocks of levels */
  async add(page: PageLevels, pause: () => Promise<void>): Promise<void> {
    const repetitions = new LevelRuns(page.repetitions, this.#leaf.lists.length);
    const definitions = new LevelRuns(page.definitions, this.#leaf.definitions);
    for (let left = page.values; left > 0; left -= blockLevels) {
      const count = Math.min(left, blockLevels);
      repetitions.fill(this.#repetitions, count);
      definitions.fill(this.#definitions, count);
      this.#addBlock(count);
      if (left > count) await pause();
    }
  }

  #addBlock(count: number): void {
    const { lists, definitions: most } = this.#leaf;
    // read once: this loop runs for each value of a file
    const repetitions = this.#repetitions;
    const definitions = this.#definitions;
    let before = this.#before;
    let rows = 0;
    for (let index = 0; index < count; index++) {
      const repetition = repetitions[index] ?? 0;
      const definition = definitions[index] ?? 0;
      if (definition > most) throw new RangeError("has definition levels beyond its schema's");
      if (repetition === 0) rows++;
      else {
        const needed = lists[repetition - 1] ?? Number.POSITIVE_INFINITY;
        if (definition < needed || before < needed) throw brokenList(needed, before);
      }
      before = definition;
    }
    this.#before = before;
    this.rows += rows;
    for (const level of this.#shared) this.#hashBlock(level, count);
  }

  #hashBlock(level: number, count: number): void {
    const most = this.#leaf.lists[level] ?? 0;
    let hash = this.shapes[level] ?? 0;
    for (let index = 0; index < count; index++) {
      const repetition = this.#repetitions[index] ?? 0;
      // it belongs to a list below
      if (repetition > level + 1) continue;
      const definition = this.#definitions[index] ?? 0;
      // what the lists' parents have in common: null, empty or an element, which begins or goes on
      hash = (Math.imul(hash, 31) + Math.min(definition, most) * 256 + repetition) | 0;
    }
    this.shapes[level] = hash;
  }
}

function brokenList(needed: number, before: number): RangeError {
  if (needed === Number.POSITIVE_INFINITY) return new RangeError("has repetition levels beyond its schema's");
  if (before < 0) return new RangeError("begins inside a row (its first repetition level is not 0)");
  return new RangeError("goes on with a list that has not begun");
}
