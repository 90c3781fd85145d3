import { propertyKey } from "./properties.ts";

/**
 * Properties that speak of versions of the table's own log. They stay as they are whatever state the table is given,
 * and no copy of the table takes them along.
 */
export const ownHistoryKeys: readonly string[] = [
  propertyKey("inCommitTimestampEnablementVersion"),
  propertyKey("inCommitTimestampEnablementTimestamp"),
  propertyKey("requireCheckpointProtectionBeforeVersion"),
];
