import type { TableContext } from "../../log/contract.ts";
import { propertyKey } from "../../protocol/properties.ts";
import { arrayOf, schema } from "../../schema/builder.ts";
import { withoutColumnMapping } from "../../schema/column-mapping.ts";
import { mapFields } from "../../schema/fields.ts";
import type { StructType } from "../../schema/types.ts";
import { isUntypedField } from "../../schema/untyped-columns.ts";
import { contextBelow } from "../../sidetables/context-below.ts";
import type { SideTable } from "../../sidetables/side-table.ts";
import { type SqlExpression, type SqlName, sql } from "../../sql/sql.ts";
import { quoteName } from "../../sql/sql-text.ts";

/**
 * Folder of a table's quarantine below the table; other engines ignore folders that begin with an underscore.
 */
const quarantineFolder = "_quarantine";

/** The columns of a quarantine besides the row itself, by name (`spec/formats.md`). */
export const quarantineColumns = {
  id: "quarantine_id",
  table: "table_id",
  baseVersion: "base_version",
  batch: "batch_id",
  file: "source_file",
  row: "source_row",
  quarantinedAt: "quarantined_at",
  suite: "suite",
  suiteFingerprint: "suite_fingerprint",
  writerSuite: "writer_suite",
  errors: "errors",
  payload: "payload",
  values: "values",
  attempt: "attempt",
  status: "status",
  resubmission: "resubmission_id",
  resolvedVersion: "resolved_version",
  resolvedAt: "resolved_at",
  repairedAt: "repaired_at",
  note: "note",
  needsMerge: "needs_merge",
} as const;

/** {@link quarantineColumns} as SQL. */
export const quarantineNames = Object.fromEntries(
  Object.entries(quarantineColumns).map(([key, name]) => [key, quoteName(name)]),
) as Readonly<Record<keyof typeof quarantineColumns, SqlName>>;

/**
 * `open`: waits. `claimed`: a resubmission is in progress. `resubmitted`: in the table since
 * `resolved_version`. `discarded`: will never land.
 */
export type QuarantineStatus = "open" | "claimed" | "resubmitted" | "discarded";

/** The quarantine of a table, in its folder below the table. */
export function quarantineOf(context: TableContext): SideTable {
  return quarantineAt(contextBelow(context, quarantineFolder));
}

/** The quarantine at a location given by the caller. */
export function quarantineAt(context: TableContext): SideTable {
  return {
    context,
    name: "quarantine",
    description: "Rows that a gate set aside, with every failed check",
    columns: fixedColumns,
    properties: { [propertyKey("dataSkippingStatsColumns")]: prunedColumns.join(",") },
  };
}

/**
 * The columns by which rows are found. The log has statistics of these alone, because it would keep values of
 * rows that a purge removes.
 */
const prunedColumns = [
  quarantineColumns.id,
  quarantineColumns.table,
  quarantineColumns.baseVersion,
  quarantineColumns.batch,
  quarantineColumns.quarantinedAt,
  quarantineColumns.status,
  quarantineColumns.resubmission,
  quarantineColumns.resolvedVersion,
  quarantineColumns.resolvedAt,
];

/** The columns of a quarantine for rows of a table. */
export function quarantineSchema(table: StructType): StructType {
  const after = fixedColumns.fields.findIndex(({ name }) => name === quarantineColumns.payload) + 1;
  const [before, behind] = [fixedColumns.fields.slice(0, after), fixedColumns.fields.slice(after)];
  const values = schema()
    .struct(quarantineColumns.values, plainRow(table), { comment: "The row in the table's types" })
    .build();
  return { type: "struct", fields: [...before, ...values.fields, ...behind] };
}

/**
 * The table's columns without their restrictions: all nullable, no metadata, no void; and no untyped columns,
 * which are null, and may have another type later.
 */
function plainRow(table: StructType): StructType {
  const typed = table.fields.filter((field) => !isUntypedField(field));
  const plain = mapFields(withoutColumnMapping({ type: "struct", fields: typed }), (field) => ({
    ...field,
    nullable: true,
    metadata: {},
  }));
  return { type: "struct", fields: plain.fields.filter((field) => field.type !== "void") };
}

/** SQL of what makes a quarantined row's id. */
export interface RowIdentity {
  readonly table: SqlExpression;
  readonly batch: SqlExpression;
  readonly file: SqlExpression;
  readonly row: SqlExpression;
}

/** SQL of the id of a row that a gate sets aside: the same row of the same batch gets the same one. */
export function rowIdSql({ table, batch, file, row }: RowIdentity): SqlExpression {
  return sql`sha256(concat_ws('|', ${table}, ${batch}, coalesce(${file}, ''), CAST(${row} AS VARCHAR)))`;
}

/** The columns of every quarantine. */
const fixedColumns = fixed();

function fixed(): StructType {
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
    .timestamp(quarantineColumns.quarantinedAt)
    .string(quarantineColumns.suite)
    .string(quarantineColumns.suiteFingerprint)
    .string(quarantineColumns.writerSuite, {
      comment: "Fingerprint of the writer's own suite, kept in _suites; empty where the table's suite is all",
    })
    .column(quarantineColumns.errors, arrayOf(failure), { comment: "Every check that the row fails" })
    .string(quarantineColumns.payload, { comment: "The row as it came, as JSON; a repair changes it" })
    .integer(quarantineColumns.attempt, { comment: "How often the row was tested" })
    .string(quarantineColumns.status, { comment: "open, claimed, resubmitted or discarded" })
    .string(quarantineColumns.resubmission, { comment: "The resubmission that claimed or landed the row" })
    .long(quarantineColumns.resolvedVersion, { comment: "Version of the table that the row came into" })
    .timestamp(quarantineColumns.resolvedAt)
    .timestamp(quarantineColumns.repairedAt, { comment: "When a repair last changed the payload" })
    .string(quarantineColumns.note)
    .boolean(quarantineColumns.needsMerge, {
      comment: "True for a row of a merge's source that only a merge can bring into the table",
    })
    .build();
}
