import type { MetadataAction } from "./actions.ts";
import { propertyOf } from "./properties.ts";

/**
 * The properties of a table that steer its log's upkeep, with the defaults of the reference implementation.
 * Durations in milliseconds.
 */
export interface UpkeepProperties {
  /** A checkpoint is due at each version that this divides. */
  readonly checkpointInterval: number;
  readonly checkpointPolicy: "classic" | "v2";
  readonly statsAsJson: boolean;
  readonly statsAsStruct: boolean;
  readonly deletedFileRetention: number;
  readonly logRetention: number;
  readonly expiredLogCleanup: boolean;
  /** Absent: application transactions never expire. */
  readonly setTransactionRetention?: number | undefined;
}

/**
 * Reads the upkeep properties of a table; a value that means nothing falls back to the careful side, because
 * upkeep must not fail for it.
 */
export function upkeepProperties({ configuration }: Pick<MetadataAction, "configuration">): UpkeepProperties {
  return {
    checkpointInterval: propertyOf(configuration, "checkpointInterval"),
    checkpointPolicy: propertyOf(configuration, "checkpointPolicy"),
    statsAsJson: propertyOf(configuration, "checkpoint.writeStatsAsJson"),
    statsAsStruct: propertyOf(configuration, "checkpoint.writeStatsAsStruct"),
    deletedFileRetention: propertyOf(configuration, "deletedFileRetentionDuration"),
    logRetention: propertyOf(configuration, "logRetentionDuration"),
    expiredLogCleanup: propertyOf(configuration, "enableExpiredLogCleanup"),
    setTransactionRetention: propertyOf(configuration, "setTransactionRetentionDuration"),
  };
}
