import { type Configuration, propertyOf } from "./properties.ts";
import { integer } from "./property-values.ts";

/** When the small files of a partition are written together after a write, and how. */
export interface AutoCompaction {
  /** Number of small files that a partition has at least. */
  readonly minFiles: number;
  /** Files of fewer bytes are small. */
  readonly smallBytes: number;
  /** Size of the new files in bytes. */
  readonly targetFileBytes: number;
}

/**
 * The property for the number of small files that start a compaction, which in Spark is a setting of the session
 * (`spark.databricks.delta.autoCompact.minNumFiles`).
 */
export const minFilesKey = "varve.autoCompact.minFiles";

/** The values of {@link minFilesKey}. */
export const minFilesValues = integer(2);

const defaultMinFiles = 50;
const mostTargetBytes = 128 * 1024 * 1024;

/** How a table is compacted after writes; `undefined` if it is not, which is the default. */
export function autoCompaction(configuration: Configuration): AutoCompaction | undefined {
  const mode = propertyOf(configuration, "autoOptimize.autoCompact");
  const isOn = propertyOf(configuration, "autoOptimize") === true || (mode !== undefined && mode !== "false");
  if (!isOn) return undefined;
  const targetFileBytes = Math.min(
    propertyOf(configuration, "targetFileSize") ?? mostTargetBytes,
    mostTargetBytes,
  );
  return {
    minFiles: minFilesValues.parse(configuration[minFilesKey] ?? "") ?? defaultMinFiles,
    smallBytes: targetFileBytes / 2,
    targetFileBytes,
  };
}
