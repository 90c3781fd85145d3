import { tableBaselines } from "../baselines/table-baselines.ts";
import { VarveError } from "../errors.ts";
import { recordedHistory } from "../metrics/metrics.ts";
import { quarantineSink } from "../quarantine/intake/quarantine-sink.ts";
import { quarantineAt, quarantineOf } from "../quarantine/intake/quarantine-table.ts";
import { rejectionLog } from "../rejections/rejection-log.ts";
import type { BatchTarget } from "../write/plan/batch-target.ts";
import type { WriteOptions } from "../write/plan/write-options.ts";
import type { WriteServices } from "../write/write-services.ts";

/**
 * Services for the writes of a table: its quarantine, its record of rejected batches if it exists already, and
 * its metrics unless the caller passes a history, and the versions that drift is compared with.
 *
 * @throws `INVALID_ARGUMENT` if the table would be its own quarantine
 */
export function writeServices(
  { context, snapshot }: Pick<BatchTarget, "context" | "snapshot">,
  {
    quarantine,
    gateOptions,
    recordRejection,
    onProgress,
    signal,
  }: Pick<WriteOptions, "quarantine" | "gateOptions" | "recordRejection" | "onProgress" | "signal">,
): WriteServices {
  const { uri } = context.store;
  if (quarantine?.store.uri === uri)
    throw new VarveError(
      "INVALID_ARGUMENT",
      `The table at ${uri} cannot be its own quarantine: rows that its tests set aside would be in it. Pass another table as quarantine, or none.`,
      { uri },
    );
  return {
    quarantine: quarantineSink(
      quarantine === undefined ? quarantineOf(context) : quarantineAt(quarantine),
      signal,
    ),
    rejections:
      snapshot === undefined || recordRejection === false ? undefined : rejectionLog(snapshot, signal),
    history:
      gateOptions?.history ?? (snapshot === undefined ? undefined : recordedHistory(snapshot, { signal })),
    baselines: tableBaselines({
      target: snapshot,
      before: snapshot === undefined ? "nothing" : undefined,
      tables: gateOptions?.tables,
      signal,
    }),
    onProgress,
    signal,
  };
}
