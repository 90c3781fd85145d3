import { isVarveError } from "../../errors.ts";
import type { LogSnapshot, TableContext } from "../../log/contract.ts";
import { openLog } from "../../log/snapshot/open-log.ts";
import { arrayOf, schema } from "../../schema/builder.ts";
import { withoutColumnMapping } from "../../schema/column-mapping.ts";
import { mapFields } from "../../schema/fields.ts";
import type { StructType } from "../../schema/types.ts";
import { contextBelow } from "../../sidetables/context-below.ts";
import { createEmpty } from "../../table/definition/create-empty.ts";

/**
 * Folder of a table's quarantine below the table; other engines pass over folders that begin with an
 * underscore.
 */
const quarantineFolder = "_quarantine";

/** What a quarantine holds of a row beside the row, by the column's name (`spec/formats.md`). */
export const quarantineColumns = {
  id: "quarantine_id",
  table: "table_id",
  baseVersion: "base_version",
  batch: "batch_id",
  file: "source_file",
  row: "source_row",
  at: "quarantined_at",
  suite: "suite",
  suiteFingerprint: "suite_fingerprint",
  errors: "errors",
  payload: "payload",
  values: "values",
  attempt: "attempt",
  status: "status",
  resubmission: "resubmission_id",
  resolvedVersion: "resolved_version",
  resolvedAt: "resolved_at",
  note: "note",
} as const;

/**
 * `open`: waits. `claimed`: a resubmission is under way. `resubmitted`: in the table since
 * `resolved_version`. `discarded`: given up.
 */
export type QuarantineStatus = "open" | "claimed" | "resubmitted" | "discarded";

/** The quarantine of a table: its own place, with the table's connections. */
export function quarantineContext(context: TableContext): TableContext {
  return contextBelow(context, quarantineFolder);
}

/** The newest version of a quarantine, or `undefined` where nothing was quarantined yet. */
export async function openQuarantine(context: TableContext): Promise<LogSnapshot | undefined> {
  try {
    return await openLog(context);
  } catch (error) {
    if (isVarveError(error, "NOT_A_TABLE")) return undefined;
    throw error;
  }
}

/** The quarantine, created where there is none yet. */
export async function ensureQuarantine(context: TableContext, table: StructType): Promise<LogSnapshot> {
  const found = await openQuarantine(context);
  if (found !== undefined) return found;
  const description = "Rows that a gate set aside, with every failed check";
  try {
    await createEmpty(context, { schema: quarantineSchema(table), description });
  } catch (error) {
    if (!isVarveError(error, "TABLE_EXISTS")) throw error;
  }
  return openLog(context);
}

/** The columns of a quarantine for rows of a table. */
export function quarantineSchema(table: StructType): StructType {
  const failure = schema()
    .string("check_id")
    .string("check_name")
    .array("columns", "string")
    .string("message")
    .string("observed_value")
    .string("severity")
    .string("rule_fingerprint");
  return schema()
    .string(quarantineColumns.id, {
      nullable: false,
      comment: "SHA-256 of table, batch, source file and row: the same row gets the same id",
    })
    .string(quarantineColumns.table)
    .long(quarantineColumns.baseVersion, {
      comment: "Version of the table that the batch was built on; null when it was being created",
    })
    .string(quarantineColumns.batch)
    .string(quarantineColumns.file)
    .long(quarantineColumns.row, { comment: "0-based position in the source" })
    .timestamp(quarantineColumns.at)
    .string(quarantineColumns.suite)
    .string(quarantineColumns.suiteFingerprint)
    .column(quarantineColumns.errors, arrayOf(failure), { comment: "Every check that the row fails" })
    .string(quarantineColumns.payload, { comment: "The row as it came, as JSON; a repair changes it" })
    .struct(quarantineColumns.values, plainRow(table), { comment: "The row in the table's types" })
    .integer(quarantineColumns.attempt, { comment: "How often the row was tested" })
    .string(quarantineColumns.status, { comment: "open, claimed, resubmitted or discarded" })
    .string(quarantineColumns.resubmission, { comment: "The resubmission that claimed or landed the row" })
    .long(quarantineColumns.resolvedVersion, { comment: "Version of the table that the row came into" })
    .timestamp(quarantineColumns.resolvedAt)
    .string(quarantineColumns.note)
    .build();
}

/** The table's columns without what binds them in the table: all nullable, no metadata, no void. */
function plainRow(table: StructType): StructType {
  const plain = mapFields(withoutColumnMapping(table), (field) => ({
    ...field,
    nullable: true,
    metadata: {},
  }));
  return { type: "struct", fields: plain.fields.filter((field) => field.type !== "void") };
}
