import { runSuite, suggest } from "../../src/index.ts";

/** How suites that earlier batches suggest do on the next batch. */
export interface NextBatches {
  /** Runs of checks, and the failed ones by check. */
  readonly runs: number;
  readonly failed: ReadonlyMap<string, number>;
  /** Number of batches that were tested, and of those that were rejected or set aside whole. */
  readonly batches: number;
  readonly refused: number;
}

/**
 * Suggests a suite from one batch, and from all batches up to it, and runs it on the batch after them, at up to
 * `most` places of the series.
 */
export async function testNextBatches(files: readonly string[], most: number): Promise<NextBatches> {
  const step = Math.max(1, Math.ceil((files.length - 1) / most));
  const failed = new Map<string, number>();
  let [runs, batches, refused] = [0, 0, 0];
  for (let index = 0; index + 1 < files.length; index += step) {
    const seen = files.slice(0, index + 1);
    for (const parquet of index === 0 ? [seen] : [seen.slice(-1), seen]) {
      const { suite } = await suggest({ parquet });
      const report = await runSuite(suite, { parquet: files[index + 1] ?? "" });
      batches++;
      runs += report.checks.length;
      if (!report.accepted || report.clean === 0) refused++;
      for (const { id, success } of report.checks) if (!success) failed.set(id, (failed.get(id) ?? 0) + 1);
    }
  }
  return { runs, failed, batches, refused };
}
