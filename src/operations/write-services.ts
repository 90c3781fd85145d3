import { recordedHistory } from "../metrics/metrics.ts";
import { quarantineSink } from "../quarantine/intake/quarantine-sink.ts";
import { quarantineAt, quarantineOf } from "../quarantine/intake/quarantine-table.ts";
import type { BatchTarget } from "../write/plan/batch-target.ts";
import type { WriteOptions } from "../write/plan/write-options.ts";
import type { WriteServices } from "../write/write-services.ts";

/** What the writes of a table are handed: its quarantine, and its metrics where the caller gives none. */
export function writeServices(
  { context, snapshot }: Pick<BatchTarget, "context" | "snapshot">,
  {
    quarantine,
    gateOptions,
    onProgress,
    signal,
  }: Pick<WriteOptions, "quarantine" | "gateOptions" | "onProgress" | "signal">,
): WriteServices {
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
