import type { TableContext } from "../log/contract.ts";
import { propertyKey } from "../protocol/properties.ts";
import { schema } from "../schema/builder.ts";
import { contextBelow } from "../sidetables/context-below.ts";
import type { SideTable } from "../sidetables/side-table.ts";

/** Folder below a table that records the batches that were rejected, itself a Delta table. */
const rejectionsFolder = "_rejections";

/** The table of rejected batches of a table (`spec/formats.md`). */
export function rejectionsOf(context: TableContext): SideTable {
  return {
    context: contextBelow(context, rejectionsFolder),
    name: "table of rejections",
    description: "Batches that the tests of the table above rejected",
    columns,
    // The log would otherwise keep values of rows that a purge removes.
    properties: { [propertyKey("dataSkippingStatsColumns")]: prunedColumns.join(",") },
  };
}

const prunedColumns = ["rejection_id", "table_id", "rejected_at", "batch_id"];

const columns = schema()
  .string("rejection_id", { nullable: false, comment: "UUID of the attempt; later ones sort later" })
  .string("table_id", { nullable: false })
  .timestamp("rejected_at", { nullable: false })
  .string("batch_id", { comment: "The caller's name of the batch; null without one" })
  .string("message", { comment: "The message that the version would have had" })
  .string("operation")
  .long("base_version", { comment: "Version of the table that the batch was tested against" })
  .array("sources", "string", { comment: "Source files as they were named, patterns included" })
  .string("code", { comment: "Code of the error: BATCH_REJECTED, CONSTRAINT_VIOLATED or SCHEMA_MISMATCH" })
  .array("reasons", "string")
  .string("suite")
  .string("suite_fingerprint", { comment: "Of all tests of the batch: the table's and the writer's" })
  .long("rows", { comment: "Null if the batch was refused before all rows were tested; so are the others" })
  .long("clean")
  .long("quarantined", { comment: "Rows that would have been quarantined" })
  .long("dropped")
  .array("failed_checks", "string", { comment: "Ids of the checks that failed" })
  .string("gate", { comment: "The verdict as JSON, as in commitInfo.gate" })
  .build();
