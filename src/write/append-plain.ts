import type { LogSnapshot } from "../log/contract.ts";
import { existingTarget } from "./batch-target.ts";
import { alreadyApplied, appliedAt, commitBatch } from "./commit-batch.ts";
import { prepareBatch } from "./write-batch.ts";
import type { WriteOptions, WriteOutcome } from "./write-options.ts";
import type { WriteSource } from "./write-source.ts";

/** Options of a write whose rows nobody tests. */
export type PlainOptions = Omit<WriteOptions, "gate" | "gateOptions">;

/** Adds rows that need no gate: varve's own tables (quarantine, metrics). Otherwise as `append`. */
export async function appendPlain(
  snapshot: LogSnapshot,
  source: WriteSource,
  options: PlainOptions = {},
): Promise<WriteOutcome> {
  const target = await existingTarget(snapshot);
  const applied = await appliedAt(target, options);
  if (applied !== undefined) return alreadyApplied(applied);
  const batch = await prepareBatch(target, source, options);
  try {
    const operationParameters = {
      mode: "Append",
      partitionBy: JSON.stringify(target.metadata.partitionColumns),
    };
    return await commitBatch(batch, { operation: "WRITE", operationParameters }, options);
  } finally {
    await batch.close();
  }
}
