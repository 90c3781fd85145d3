import { VarveError } from "../../errors.ts";
import { constraintPrefix } from "../../protocol/constraint-names.ts";
import { requireDuration } from "../../protocol/upkeep-properties.ts";

/** What may be set to a property of the table, and how. */
type Rule = "boolean" | "duration" | "count" | "internal" | readonly string[];

const rules: Readonly<Record<string, Rule>> = {
  "delta.appendOnly": "boolean",
  "delta.enableChangeDataFeed": "boolean",
  "delta.enableDeletionVectors": "boolean",
  "delta.enableInCommitTimestamps": "boolean",
  "delta.enableRowTracking": "boolean",
  "delta.rowTrackingSuspended": "boolean",
  "delta.enableTypeWidening": "boolean",
  "delta.enableExpiredLogCleanup": "boolean",
  "delta.checkpoint.writeStatsAsJson": "boolean",
  "delta.checkpoint.writeStatsAsStruct": "boolean",
  "delta.writePartitionColumnsToParquet": "boolean",
  "delta.checkpointInterval": "count",
  "delta.checkpointPolicy": ["classic", "v2"],
  "delta.isolationLevel": ["Serializable", "WriteSerializable"],
  "delta.columnMapping.mode": ["none", "name", "id"],
  "delta.logRetentionDuration": "duration",
  "delta.deletedFileRetentionDuration": "duration",
  "delta.setTransactionRetentionDuration": "duration",
  "delta.columnMapping.maxColumnId": "internal",
  "delta.rowTracking.materializedRowIdColumnName": "internal",
  "delta.rowTracking.materializedRowCommitVersionColumnName": "internal",
  "delta.inCommitTimestampEnablementVersion": "internal",
  "delta.inCommitTimestampEnablementTimestamp": "internal",
  "delta.requireCheckpointProtectionBeforeVersion": "internal",
};

/** Refuses a value that a table's property cannot have; properties that varve does not know are taken as they are. @throws `INVALID_ARGUMENT` */
export function checkProperty(key: string, value: string): void {
  checkMayChange(key);
  const rule = rules[key];
  if (rule === undefined || rule === "internal") return;
  if (rule === "duration") {
    requireDuration(key, value);
    return;
  }
  const allowed = rule === "boolean" ? ["true", "false"] : rule === "count" ? undefined : rule;
  const fits = allowed === undefined ? /^[1-9]\d{0,8}$/.test(value) : allowed.includes(value);
  if (!fits)
    throw invalid(
      `The property ${key} cannot be ${JSON.stringify(value)}: ${allowed?.join(", ") ?? "a whole number from 1 on"} is asked for.`,
      key,
    );
}

/** Refuses properties that only varve itself may change. @throws `INVALID_ARGUMENT` */
export function checkMayChange(key: string): void {
  if (rules[key] === "internal")
    throw invalid(`The property ${key} belongs to the table's own bookkeeping and cannot be changed by hand.`, key);
  if (key.startsWith(constraintPrefix)) {
    throw invalid(
      `The property ${key} is a CHECK constraint: rows that are in the table already have to be checked before it binds. Use addConstraints or dropConstraints.`,
      key,
    );
  }
}

function invalid(message: string, key: string): VarveError {
  return new VarveError("INVALID_ARGUMENT", message, { key });
}
