import { VarveError } from "../errors.ts";
import { recordedHistory } from "../metrics/metrics.ts";
import { quarantineSink } from "../quarantine/intake/quarantine-sink.ts";
import { quarantineAt, quarantineOf } from "../quarantine/intake/quarantine-table.ts";
import type { BatchTarget } from "../write/plan/batch-target.ts";
import type { WriteOptions } from "../write/plan/write-options.ts";
import type { WriteServices } from "../write/write-services.ts";

/**
 * Services for the writes of a table: its quarantine, and its metrics unless the caller passes a history.
 *
 * @throws `INVALID_ARGUMENT` if the table would be its own quarantine
 */
export function writeServices(
  { context, snapshot }: Pick<BatchTarget, "context" | "snapshot">,
  {
    quarantine,
    gateOptions,
    onProgress,
    signal,
  }: Pick<WriteOptions, "quarantine" | "gateOptions" | "onProgress" | "signal">,
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
    history:
      gateOptions?.history ?? (snapshot === undefined ? undefined : recordedHistory(snapshot, { signal })),
    onProgress,
    signal,
  };
}
