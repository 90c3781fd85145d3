import { findField } from "../../schema/fields.ts";
import { type SqlExpression, sql } from "../../sql/sql.ts";
import { quoteName } from "../../sql/sql-text.ts";
import type { BatchTarget } from "../plan/batch-target.ts";

/**
 * How rows that are written again keep their ids and commit versions in a table with row tracking: columns of the
 * data files that the schema does not have (PROTOCOL.md "Writer Requirements for Row Tracking").
 */
export interface KeptRowIds {
  /** Names of the columns, of the ids and of the versions. */
  readonly columns: readonly [id: string, version: string];
  /** The columns as items of a query over a scan with row ids. */
  readonly items: readonly [id: SqlExpression, version: SqlExpression];
}

/** `undefined` for a table that does not track rows, or a column of which hides the ids of the scan. */
export function keptRowIds({ requirements, schema }: BatchTarget): KeptRowIds | undefined {
  if (requirements.rowTracking === undefined || findField(schema, "_metadata") !== undefined)
    return undefined;
  const { rowIdColumn, rowCommitVersionColumn } = requirements.rowTracking;
  return {
    columns: [rowIdColumn, rowCommitVersionColumn],
    items: [
      sql`_metadata.row_id AS ${quoteName(rowIdColumn)}`,
      sql`_metadata.row_commit_version AS ${quoteName(rowCommitVersionColumn)}`,
    ],
  };
}
