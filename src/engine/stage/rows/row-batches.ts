import type { RowCells, SourceRow } from "../../core/contract.ts";

/** Rows of a source in batches of as many rows as `size` says when each begins. */
export async function* inBatches(
  rows: Iterable<SourceRow> | AsyncIterable<SourceRow>,
  size: () => number,
): AsyncGenerator<RowCells[]> {
  let batch: RowCells[] = [];
  let wanted = size();
  if (Symbol.iterator in rows) {
    for (const row of rows) {
      batch.push(row as RowCells);
      if (batch.length < wanted) continue;
      yield batch;
      batch = [];
      wanted = size();
    }
  } else {
    for await (const row of rows) {
      batch.push(row as RowCells);
      if (batch.length < wanted) continue;
      yield batch;
      batch = [];
      wanted = size();
    }
  }
  if (batch.length > 0) yield batch;
}
