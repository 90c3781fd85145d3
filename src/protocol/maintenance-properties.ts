import type { MetadataAction } from "./actions.ts";
import { propertyOf } from "./properties.ts";

/**
 * The table properties that control log maintenance, with the defaults of the reference implementation.
 * Durations in milliseconds.
 */
export interface MaintenanceProperties {
  /** A checkpoint is due at each version that is a multiple of this. */
  readonly checkpointInterval: number;
  readonly checkpointPolicy: "classic" | "v2";
  readonly statsAsJson: boolean;
  readonly statsAsStruct: boolean;
  readonly deletedFileRetention: number;
  readonly logRetention: number;
  readonly expiredLogCleanup: boolean;
  /** Absent if application transactions never expire. */
  readonly setTransactionRetention?: number | undefined;
}

/**
 * Reads the maintenance properties of a table. An invalid value falls back to the careful one, because
 * maintenance must not fail for it.
 */
export function maintenanceProperties({
  configuration,
}: Pick<MetadataAction, "configuration">): MaintenanceProperties {
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
