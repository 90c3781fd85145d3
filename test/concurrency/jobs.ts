import type { S3Options } from "../../src/storage/s3/s3-options.ts";

/** What one writer process is told to do, as its only argument in JSON. */
export interface WriterJob {
  readonly uri: string;
  readonly s3?: S3Options;
  readonly writer: number;
  /**
   * Batches `first` up to and without `end` are written, each as its own commit with the application id
   * `writer-N`.
   */
  readonly first: number;
  readonly end: number;
  readonly rowsPerBatch: number;
  /**
   * `append` goes through the whole write path; `commit` writes a plain file and commits it, many times
   * faster.
   */
  readonly how: "append" | "commit";
}

/** A line that a writer process prints when a batch is settled. */
export interface Acknowledgement {
  readonly batch: number;
  readonly outcome: "committed" | "alreadyApplied" | "unchanged";
  readonly version: number;
  /** Versions tried. */
  readonly attempts: number;
}

/** The rows of one batch; any process can tell what they must be. */
export function rowsOf(writer: number, batch: number, count: number): readonly BatchRow[] {
  return Array.from({ length: count }, (_, row) => ({
    writer,
    batch,
    row,
    value: `${writer}/${batch}/${row} ${"x".repeat(row % 20)}`,
  }));
}

/**
 * One row as the writers write it; the table's columns are of the types `integer`, `integer`, `integer` and
 * `string`.
 */
export interface BatchRow {
  readonly [column: string]: number | string;
  readonly writer: number;
  readonly batch: number;
  readonly row: number;
  readonly value: string;
}

/** The application id under which a writer's batches are idempotent. */
export function appIdOf(writer: number): string {
  return `writer-${writer}`;
}
