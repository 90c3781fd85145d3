import type { Table as ArrowTable, RecordBatch } from "apache-arrow";
import type { EngineRow } from "../engine/core/contract.ts";
import { VarveError } from "../errors.ts";
import type { Leakage } from "./leakage.ts";
import type { TrainingSetRecord } from "./record.ts";
import type { TrainingSetFile } from "./set-files.ts";
import { orderedRows, type TrainingRows } from "./training-rows.ts";

/**
 * A training set whose rows are computed, until it is closed. Rows come in the order of their hashes: shuffled, and
 * the same each time. Without a part, the rows of all parts come.
 */
export class TrainingSet implements AsyncDisposable {
  /** Everything from which the set can be created again. */
  readonly record: TrainingSetRecord;
  /** What the checks found, with examples. */
  readonly leakage: readonly Leakage[];
  /** The files, if a folder was given. */
  readonly files: readonly TrainingSetFile[];
  readonly #rows: TrainingRows;
  readonly #signal: AbortSignal | undefined;

  private constructor(rows: TrainingRows, made: MadeSet) {
    this.record = made.record;
    this.leakage = made.leakage;
    this.files = made.files;
    this.#rows = rows;
    this.#signal = made.signal;
  }

  /** @internal Made by the verbs of training sets. */
  static of(rows: TrainingRows, made: MadeSet): TrainingSet {
    return new TrainingSet(rows, made);
  }

  /**
   * Rows of a part as plain objects.
   *
   * @throws `INVALID_ARGUMENT` for an unknown part
   *
   * @example
   * ```ts
   * import { trainingSet } from "varve";
   *
   * await using set = await trainingSet({ name: "ids", sql: "SELECT id FROM t", inputs: { t: orders } });
   * for await (const row of set.rows()) console.log(row["id"]);
   * ```
   */
  rows(part?: string): AsyncIterable<EngineRow> {
    return this.#rows.session.rowStream(this.#select(part), { anyType: true, signal: this.#signal });
  }

  /**
   * Rows of a part as Arrow batches; memory stays bounded while they are consumed one by one.
   *
   * @throws `INVALID_ARGUMENT` for an unknown part
   *
   * @example
   * ```ts
   * import { trainingSet } from "varve";
   *
   * await using set = await trainingSet({ name: "batches", sql: "SELECT id FROM t", inputs: { t: orders } });
   * for await (const batch of set.batches("all", { batchRows: 10_000 })) console.log(batch.numRows);
   * ```
   */
  batches(
    part?: string,
    options: { readonly batchRows?: number | undefined } = {},
  ): AsyncIterable<RecordBatch> {
    return this.#rows.session.arrow(this.#select(part), { ...options, signal: this.#signal });
  }

  /**
   * Rows of a part as one Arrow table in memory.
   *
   * @throws `INVALID_ARGUMENT` for an unknown part
   *
   * @example
   * ```ts
   * import { trainingSet } from "varve";
   *
   * const split = { key: ["id"] }; // 0.8 train, 0.1 validation, 0.1 test
   * await using set = await trainingSet({ name: "arrow", sql: "SELECT id FROM t", inputs: { t: orders }, split });
   * console.log((await set.arrow("train")).numRows);
   * ```
   */
  async arrow(part?: string): Promise<ArrowTable> {
    const { Table } = await import("apache-arrow");
    const batches: RecordBatch[] = [];
    for await (const batch of this.batches(part)) batches.push(batch);
    return new Table(batches);
  }

  /** Frees the engine. The record and the files stay. */
  async close(): Promise<void> {
    await this.#rows.session.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #select(part: string | undefined) {
    if (part === undefined) return orderedRows(this.#rows);
    const index = this.record.parts.findIndex(({ name }) => name === part);
    if (index >= 0) return orderedRows(this.#rows, index);
    const names = this.record.parts.map(({ name }) => name);
    throw new VarveError(
      "INVALID_ARGUMENT",
      `The training set ${this.record.name} has no part ${JSON.stringify(part)}; its parts are ${names.join(", ")}.`,
      { part, parts: names },
    );
  }
}

/** What a verb made of the rows. */
export interface MadeSet {
  readonly record: TrainingSetRecord;
  readonly leakage: readonly Leakage[];
  readonly files: readonly TrainingSetFile[];
  readonly signal: AbortSignal | undefined;
}
